"""The loss that discarding a dead letter causes, in words."""

from providers.journal.operations import DeadLetter, OperationKind

_LOSSES = {
    OperationKind.REMEMBER: "never gets this memory",
    OperationKind.UPDATE: "keeps the memory as it was before",
    OperationKind.DELETE: "keeps the memory",
}


def loss_of(letter: DeadLetter) -> str:
    """Describe what discarding this letter means: which provider will be without what."""
    what = f"the {letter.kind.value} of memory {letter.memory_id} of user {letter.owner.label}"
    return (
        f"discards {what}: {letter.provider} {_LOSSES[letter.kind]}, which only the journal knows better, until it is"
        " merged or written anew"
    )
