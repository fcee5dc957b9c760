"""The schema of a store, as the commands see it that look after it."""

from typing import Protocol

from msgspec import Struct


class SchemaState(Struct, frozen=True, kw_only=True):
    """A database's version of the schema, and this code's.

    `current` is the database's revision, None before the first; `newest` is this code's. A `current` that this code
    does not know was made by a newer version, whose schema this one can use.
    """

    current: str | None
    newest: str
    pending: list[str]

    @property
    def usable(self) -> bool:
        """Whether this code can run on the database as it is."""
        return self.current is not None and not self.pending


class Revision(Struct, frozen=True, kw_only=True):
    """One step of the schema's history."""

    id: str
    title: str


class Migrations(Protocol):
    """The steps of a schema, applied to and compared with a database."""

    def history(self) -> list[Revision]:
        """Return every revision of this code, oldest first."""

    async def state(self) -> SchemaState:
        """Return the state of the database's schema; change nothing."""

    async def upgrade(self) -> SchemaState:
        """Apply what is missing, and return the state after that."""
