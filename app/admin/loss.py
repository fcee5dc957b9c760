"""The loss that discarding a dead letter causes, in words."""

from providers.journal.operations import DeadLetter, OperationKind

_LOSSES = {
    OperationKind.REMEMBER: "never gets this memory, and does not show it when it answers",
    OperationKind.UPDATE: "keeps the memory as it was before, and shows that when it answers",
    OperationKind.DELETE: "keeps the memory, and shows it when it answers, until a sweep finds the copy",
}


def loss_of(letter: DeadLetter) -> str:
    """Describe what discarding this letter means: which provider will be without what."""
    what = f"the {letter.kind.value} of memory {letter.memory_id} of user {letter.user_id}"
    return f"discards {what}: {letter.provider} {_LOSSES[letter.kind]}"
