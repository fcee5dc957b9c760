"""The schema of a store, as the commands see it that look after it."""

from collections.abc import Callable
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


class WallState(Struct, frozen=True, kw_only=True):
    """Whether the database itself keeps tenants apart, and what that means for the role that was asked.

    The wall is `up` on every table, and does not hold a role by which it is `bypassed`. A role by which the tables are
    `owned` can raise and lower it. `tenants` is whether there are memories of a tenant beside the default one.
    """

    role: str
    up: bool
    bypassed: bool
    owned: bool
    tenants: bool


class DistributionStep(Struct, frozen=True, kw_only=True):
    """One step on the way to a distributed database: what it does in words, and its statements.

    A `whole` step is one transaction; the statements of another one commit each by itself.
    """

    title: str
    statements: tuple[str, ...]
    whole: bool = False


class Distributing(Struct, frozen=True, kw_only=True):
    """What is still to be done until a database is distributed, and what should be set otherwise on its nodes."""

    steps: tuple[DistributionStep, ...]
    advice: tuple[str, ...] = ()


class Migrations(Protocol):
    """The steps of a schema, applied to and compared with a database."""

    def history(self) -> list[Revision]:
        """Return every revision of this code, oldest first."""

    async def state(self) -> SchemaState:
        """Return the state of the database's schema; change nothing."""

    async def upgrade(self) -> SchemaState:
        """Apply what is missing, and return the state after that."""

    async def wall(self, *, up: bool) -> WallState:
        """Raise or lower the wall between tenants, and return what holds then for this role."""

    async def distribution(self) -> Distributing:
        """Return what is still to be done until the database is distributed; change nothing."""

    async def distribute(self, begins: Callable[[DistributionStep], None]) -> Distributing:
        """Distribute the database, and tell each step as it begins; return what is left."""
