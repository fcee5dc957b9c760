"""The steps by which the memories of a database are distributed, planned from what the database tells.

Nothing here asks a database. Whoever has the steps made asks anew after them: where nothing is left to do, there are
none.
"""

from collections.abc import Iterator

from providers.errors import Misconfigured
from providers.migrations import DistributionStep
from providers.native.distribution.facts import DatabaseLayout
from providers.native.distribution.rebuilding import FIELD_FUNCTIONS, UNKEPT_TABLES, rebuilt, takes_rebuilding
from providers.native.wall import OWNER_COLUMN

WAL_LEVEL = "logical"  # with which shards move while they are written to
PLUGIN_SETTING, PLUGIN = "output_plugin_libraries", "citus"
LEAST_CONNECTIONS = 100


def steps_for(layout: DatabaseLayout) -> list[DistributionStep]:
    """Return what is still to be done, in order.

    Raises:
        Misconfigured: the database cannot be distributed as it is.
    """
    check(layout)
    return [*_rebuilding(layout), *_spreading_functions(layout), *_distributing(layout), *_telling_nodes(layout)]


def check(layout: DatabaseLayout) -> None:
    """Raise why a database cannot be distributed, if it cannot.

    Raises:
        Misconfigured: there is no Citus in it, or no node that could hold memories; or it is not asked at its head.
    """
    if layout.citus is None:
        raise Misconfigured(
            "this is plain PostgreSQL: the extension citus is not in this database, and there is nothing to distribute"
            " memories to; all works as it is"
        )
    if not layout.coordinator:
        raise Misconfigured("this is a worker of Citus: distribute from its coordinator")
    if not any(node.active and node.holds_shards for node in layout.nodes):
        raise Misconfigured("no active node of Citus holds shards: add workers with citus_add_node first")
    if not any(table.of_owners for table in layout.tables):
        raise Misconfigured("there are no tables yet: run `ninai db upgrade` first")


def advice_for(layout: DatabaseLayout) -> list[str]:
    """Return what should be set otherwise on the nodes, one sentence for each."""
    said = []
    for node in layout.nodes:
        level, most = node.settings.get("wal_level"), node.settings.get("max_connections")
        if level is not None and level != WAL_LEVEL:
            said.append(f"{node.name}: wal_level is {level}; shards move without blocking writes with {WAL_LEVEL}")
        if most is not None and int(most) < LEAST_CONNECTIONS:
            said.append(f"{node.name}: max_connections is {most}; every service opens several to each node")
        if not node.active:
            said.append(f"{node.name}: it is not active, and its users are not served")
        plugins = node.settings.get(PLUGIN_SETTING)
        if plugins is not None and PLUGIN not in plugins:
            said.append(f"{node.name}: {PLUGIN_SETTING} lacks {PLUGIN}, without which no table is distributed online")
    return said


def _rebuilding(layout: DatabaseLayout) -> Iterator[DistributionStep]:
    # What triggers fill comes last: by then nothing fills it any more.
    for table in sorted(layout.tables, key=lambda one: one.name in UNKEPT_TABLES):
        if table.of_owners and takes_rebuilding(table):
            yield DistributionStep(
                title=_title_of_rebuilding(table.name),
                statements=rebuilt(table),
                whole=True,
            )


def _title_of_rebuilding(name: str) -> str:
    if name in UNKEPT_TABLES:
        return f"empty {name}, which nothing looks after in a distributed database"
    return f"make {name} a table that can be distributed; writes wait meanwhile"


def _spreading_functions(layout: DatabaseLayout) -> Iterator[DistributionStep]:
    known = {function.signature: function.everywhere for function in layout.functions}
    made = {signature: False for signature in FIELD_FUNCTIONS if signature not in known}
    missing = [signature for signature, everywhere in (known | made).items() if not everywhere]
    if missing:
        yield DistributionStep(
            title="bring the functions to all nodes",
            statements=tuple(f"SELECT create_distributed_function({_literal(one)})" for one in missing),
        )


def _distributing(layout: DatabaseLayout) -> Iterator[DistributionStep]:
    for table in layout.tables:
        if not table.of_owners or table.key is not None:
            continue
        # Online is possible outside of a transaction alone, and not needed where there is nothing yet.
        call = "create_distributed_table_concurrently" if table.filled else "create_distributed_table"
        yield DistributionStep(
            title=f"distribute {table.name} by {OWNER_COLUMN}{', online' if table.filled else ''}",
            statements=(
                f"SELECT {call}({_literal(table.name)}, {_literal(OWNER_COLUMN)})",
                f"ANALYZE {table.name}",
            ),
        )


def _telling_nodes(layout: DatabaseLayout) -> Iterator[DistributionStep]:
    unknown = [table.name for table in layout.tables if not table.of_owners and not table.known_everywhere]
    if unknown:
        yield DistributionStep(
            title="tell all nodes of the small tables, which stay at the coordinator",
            statements=tuple(f"SELECT citus_add_local_table_to_metadata({_literal(name)})" for name in unknown),
        )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
