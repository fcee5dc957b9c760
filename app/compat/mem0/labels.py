"""mem0's names beside the user, as a memory carries them: in its metadata, under one key that callers cannot use."""

from typing import Literal

import msgspec
from msgspec import Struct

from providers.errors import InvalidInput
from providers.filters import FieldPath
from providers.types import Metadata

# Where mem0's names stand in the metadata that is stored.
RESERVED = "mem0"

Label = Literal["agent_id", "app_id", "run_id"]
LABELS: tuple[Label, ...] = ("agent_id", "app_id", "run_id")


class Labels(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Name the agent, the application and the run of a memory, and who said it."""

    agent_id: str | None = None
    app_id: str | None = None
    run_id: str | None = None
    role: str | None = None


NOTHING = Labels()


def labelled(metadata: Metadata | None, labels: Labels) -> Metadata | None:
    """Return the metadata to be stored; raise `InvalidInput` if a caller uses the reserved key."""
    if metadata and RESERVED in metadata:
        raise InvalidInput("metadata", f'must not have the key "{RESERVED}", where agent, app and run stand')
    if labels == NOTHING:
        return metadata
    return {**(metadata or {}), RESERVED: msgspec.to_builtins(labels)}


def unlabelled(metadata: Metadata | None) -> tuple[Metadata | None, Labels]:
    """Return the caller's metadata, and the names; what the reserved key holds otherwise is the caller's."""
    if not metadata or RESERVED not in metadata:
        return metadata, NOTHING
    try:
        labels = msgspec.convert(metadata[RESERVED], Labels)
    except msgspec.ValidationError:
        return metadata, NOTHING
    return {key: value for key, value in metadata.items() if key != RESERVED} or None, labels


def field_of(label: Label) -> FieldPath:
    """Return where a condition finds a name."""
    return [RESERVED, label]
