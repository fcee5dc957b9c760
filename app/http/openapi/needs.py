"""What the examples of some operations need, which a service of one provider that was just started does not have."""

from litestar.openapi.spec import OpenAPI

from app.http.openapi.walking import operations_of

_JOURNAL = "a journal, as a service of several providers has it"
_DEAD_LETTER = "a dead letter in the journal"
_OTHER_PROVIDER = "a journal, and a second provider, `mem0`"
_QUARANTINE, _ERASURE = "a quarantine with this id", "an erasure with this id"

# By the ids of operations.
_NEEDS = {
    "getJournal": _JOURNAL,
    "listDeadLetters": _JOURNAL,
    "listAllChanges": _JOURNAL,
    "compareProviders": _OTHER_PROVIDER,
    "mergeProvider": _OTHER_PROVIDER,
    "retryDeadLetter": _DEAD_LETTER,
    "discardDeadLetter": _DEAD_LETTER,
    "listQuarantined": _QUARANTINE,
    "liftQuarantine": _QUARANTINE,
    "getErasure": _ERASURE,
    "getOwnErasure": _ERASURE,
    "restoreVersion": "a memory with this version in its history",
}


def tell_needs(document: OpenAPI) -> None:
    """Say at the end of a description what the example of the operation needs, where that is anything."""
    for _, _, operation in operations_of(document):
        need = _NEEDS.get(operation.operation_id or "")
        if need is not None:
            said = f"The example needs {need}."
            operation.description = "\n\n".join(part for part in (operation.description, said) if part)
