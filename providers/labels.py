"""The labels of a memory: what it belongs to beside its user."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

MAX_LABEL_CHARS = 256


class Labels(Struct, frozen=True, kw_only=True):
    """The labels that a memory has; each is a text of 1 to 256 characters, None where there is none.

    `session` is the conversation, thread or run that the memory comes from; `agent` and `app` name who stored it;
    `speaker` is who said it.
    """

    session: str | None = None
    agent: str | None = None
    app: str | None = None
    speaker: str | None = None


LABELS = Labels.__struct_fields__

Change = str | UnsetType | None


class LabelChanges(Struct, frozen=True, kw_only=True):
    """Changes of labels; one that is left out stays, and one that becomes None is removed."""

    session: Change = UNSET
    agent: Change = UNSET
    app: Change = UNSET
    speaker: Change = UNSET

    @property
    def labels(self) -> dict[str, Any]:
        """The labels that change, by their names."""
        changes = {name: getattr(self, name) for name in LABELS}
        return {name: label for name, label in changes.items() if label is not UNSET}


def labels_of(labelled: Labels) -> dict[str, Any]:
    """Return all labels of a value by their names, None for those that it has not."""
    return {name: getattr(labelled, name) for name in LABELS}
