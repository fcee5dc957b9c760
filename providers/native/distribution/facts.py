"""What a database tells of itself before its memories are distributed: tables, functions, and nodes of Citus."""

from msgspec import Struct

from providers.native.wall import OWNER_COLUMN


class ColumnFacts(Struct, frozen=True, kw_only=True):
    """One column of a table; `default` is its expression in SQL, and that of its value where it is `generated`.

    The planner keeps samples of it if it is `sampled`.
    """

    name: str
    type: str
    not_null: bool = False
    default: str | None = None
    generated: bool = False
    storage: str | None = None
    sampled: bool = True


class TableFacts(Struct, frozen=True, kw_only=True):
    """One table of ours.

    `key` is the column by which it is distributed, None if it is not; `known_everywhere` whether all nodes know it.
    `constraints` and `indexes` are what PostgreSQL prints of them, `grants` are privileges with the role that has them.
    """

    name: str
    owner: str = "ninai"
    partitioned: bool = False
    filled: bool = False
    key: str | None = None
    known_everywhere: bool = False
    columns: tuple[ColumnFacts, ...] = ()
    constraints: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    grants: tuple[tuple[str, str], ...] = ()

    @property
    def of_owners(self) -> bool:
        """Whether its rows belong to owners, so that it can be distributed by them."""
        return any(column.name == OWNER_COLUMN for column in self.columns)


class FunctionFacts(Struct, frozen=True, kw_only=True):
    """One function of ours, as `name(types)`, and whether it is on all nodes."""

    signature: str
    everywhere: bool = False


class NodeFacts(Struct, frozen=True, kw_only=True):
    """One node of Citus and what is set there; `settings` is empty where it did not say."""

    name: str
    active: bool = True
    holds_shards: bool = True
    settings: dict[str, str] = {}


class DatabaseLayout(Struct, frozen=True, kw_only=True):
    """A database as one look finds it; `citus` is the version of the extension, None if it is plain PostgreSQL."""

    citus: str | None = None
    coordinator: bool = True
    nodes: tuple[NodeFacts, ...] = ()
    tables: tuple[TableFacts, ...] = ()
    functions: tuple[FunctionFacts, ...] = ()
