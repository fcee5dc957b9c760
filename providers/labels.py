"""The labels of a memory: what it belongs to beside its user; and its key, the name that its user has chosen."""

from operator import attrgetter
from typing import Any

from msgspec import UNSET, Struct, UnsetType

MAX_LABEL_CHARS = 256
MAX_KEY_CHARS = 255


class Labels(Struct, frozen=True, kw_only=True):
    """The labels that a memory has; each is a text of 1 to 256 characters, None where there is none.

    `session` is the conversation, thread or run that the memory comes from; `agent` and `app` name who stored it;
    `speaker` is who said it. `key` is 1 to 255 characters of its user's choice; see `providers/keys`.
    """

    session: str | None = None
    agent: str | None = None
    app: str | None = None
    speaker: str | None = None
    key: str | None = None


NAMES = Labels.__struct_fields__
_NO_LABELS = (None,) * len(NAMES)
_values_of = attrgetter(*NAMES)
LABELS = tuple(name for name in NAMES if name != "key")

Change = str | UnsetType | None


class LabelChanges(Struct, frozen=True, kw_only=True):
    """Changes of labels and of the key; one that is left out stays, and one that becomes None is removed."""

    session: Change = UNSET
    agent: Change = UNSET
    app: Change = UNSET
    speaker: Change = UNSET
    key: Change = UNSET

    @property
    def labels(self) -> dict[str, Any]:
        """The labels that change, and the key, by their names."""
        changes = {name: getattr(self, name) for name in NAMES}
        return {name: label for name, label in changes.items() if label is not UNSET}


def labels_of(labelled: Labels) -> dict[str, Any]:
    """Return all labels of a value, and its key, by their names, None for those that it has not."""
    return dict(zip(NAMES, _values_of(labelled), strict=True))


def given_labels_of(labelled: Labels) -> dict[str, Any]:
    """Return the labels that a value has, and its key, by their names; mostly there are none."""
    values = _values_of(labelled)
    if values == _NO_LABELS:
        return {}
    return {name: label for name, label in zip(NAMES, values, strict=True) if label is not None}
