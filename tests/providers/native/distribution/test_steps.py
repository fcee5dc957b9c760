"""The steps to a distributed database follow from what it tells, and nothing is planned where it cannot be."""

import pytest
from msgspec.structs import replace

from providers.errors import Misconfigured
from providers.native.columns import COLUMNS
from providers.native.distribution.facts import ColumnFacts, DatabaseLayout, FunctionFacts, NodeFacts, TableFacts
from providers.native.distribution.rebuilding import FIELD_FUNCTIONS, derivation, rebuilt
from providers.native.distribution.steps import LEAST_CONNECTIONS, advice_for, steps_for

OWNER = ColumnFacts(name="user_id", type='text COLLATE "C"', not_null=True)
MEMORIES = TableFacts(name="ninai_memories", columns=(OWNER,))
STORE = TableFacts(name="ninai_store", columns=(ColumnFacts(name="id", type="uuid"),))
WORKER = NodeFacts(name="worker:5432", settings={"wal_level": "logical", "max_connections": str(LEAST_CONNECTIONS)})
CLUSTER = DatabaseLayout(citus="14.0-1", nodes=(WORKER,), tables=(MEMORIES, STORE))
EVERYWHERE = tuple(FunctionFacts(signature=one, everywhere=True) for one in FIELD_FUNCTIONS)
DONE = replace(
    CLUSTER,
    functions=EVERYWHERE,
    tables=(replace(MEMORIES, key="user_id", known_everywhere=True), replace(STORE, known_everywhere=True)),
)


def titles(layout: DatabaseLayout) -> list[str]:
    """Return what is to be done, in words."""
    return [step.title for step in steps_for(layout)]


def statements(layout: DatabaseLayout) -> list[str]:
    """Return the statements of all steps."""
    return [statement for step in steps_for(layout) for statement in step.statements]


def test_nothing_is_left_where_all_is_done() -> None:
    """So the command may be run as often as one likes."""
    assert steps_for(DONE) == []


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        (replace(CLUSTER, citus=None), "this is plain PostgreSQL"),
        (replace(CLUSTER, coordinator=False), "distribute from its coordinator"),
        (replace(CLUSTER, nodes=()), "no active node of Citus holds shards"),
        (replace(CLUSTER, nodes=(replace(WORKER, active=False),)), "no active node of Citus holds shards"),
        (replace(CLUSTER, nodes=(replace(WORKER, holds_shards=False),)), "no active node of Citus holds shards"),
        (replace(CLUSTER, tables=(STORE,)), "run `ninai db upgrade` first"),
    ],
)
def test_what_cannot_be_distributed_is_refused(layout: DatabaseLayout, why: str) -> None:
    """It says what is missing."""
    with pytest.raises(Misconfigured, match=why):
        steps_for(layout)


def test_an_empty_table_is_distributed_at_once_and_a_filled_one_online() -> None:
    """Online takes longer, and is not possible within a transaction."""
    filled = replace(CLUSTER, functions=EVERYWHERE, tables=(replace(MEMORIES, filled=True), STORE))
    empty = replace(CLUSTER, functions=EVERYWHERE)

    assert "SELECT create_distributed_table('ninai_memories', 'user_id')" in statements(empty)
    assert "SELECT create_distributed_table_concurrently('ninai_memories', 'user_id')" in statements(filled)
    assert not any(step.whole for step in steps_for(filled))


@pytest.mark.parametrize(
    "unfit", [{"partitioned": True}, {"triggers": ("ninai_memories_stamp",)}, {"policies": ("ninai_tenants",)}]
)
def test_a_table_that_cannot_be_distributed_is_rebuilt_first(unfit: dict[str, object]) -> None:
    """In one transaction, before anything else."""
    layout = replace(CLUSTER, tables=(replace(MEMORIES, **unfit), STORE))

    first, *_ = steps_for(layout)
    assert first.whole
    assert first.title.startswith("make ninai_memories a table that can be distributed")
    assert titles(replace(layout, tables=(replace(MEMORIES, **unfit, key="user_id"), STORE)))[0] != first.title


def test_functions_that_are_to_be_made_are_brought_to_the_nodes_as_well() -> None:
    """Those that rebuilding makes, and those that were there before Citus came."""
    layout = replace(CLUSTER, functions=(FunctionFacts(signature="ninai_terms(text)"),))

    assert statements(layout)[:3] == [
        f"SELECT create_distributed_function('{one}')" for one in ("ninai_terms(text)", *FIELD_FUNCTIONS)
    ]


def test_every_table_of_owners_is_distributed_and_every_other_one_stays() -> None:
    """Also tables that later revisions bring."""
    history = replace(MEMORIES, name="ninai_history")
    layout = replace(CLUSTER, functions=EVERYWHERE, tables=(history, MEMORIES, STORE))

    assert [one for one in statements(layout) if "create_distributed_table" in one] == [
        "SELECT create_distributed_table('ninai_history', 'user_id')",
        "SELECT create_distributed_table('ninai_memories', 'user_id')",
    ]
    assert statements(layout)[-1] == "SELECT citus_add_local_table_to_metadata('ninai_store')"


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (WORKER, None),
        (replace(WORKER, settings={}), None),
        (replace(WORKER, active=False), "it is not active"),
        (replace(WORKER, settings={"wal_level": "replica"}), "wal_level is replica"),
        (replace(WORKER, settings={"max_connections": str(LEAST_CONNECTIONS - 1)}), "max_connections is 99"),
        (replace(WORKER, settings={"max_connections": str(LEAST_CONNECTIONS)}), None),
        (replace(WORKER, settings={"output_plugin_libraries": ""}), "output_plugin_libraries lacks citus"),
        (replace(WORKER, settings={"output_plugin_libraries": "pgoutput, citus"}), None),
    ],
)
def test_settings_of_a_node_are_judged(node: NodeFacts, words: str | None) -> None:
    """What is right, or was not told, is not mentioned."""
    advice = advice_for(replace(DONE, nodes=(node,)))

    assert len(advice) == (words is not None)
    assert words is None or (advice[0].startswith("worker:5432: ") and words in advice[0])


def test_every_derived_column_can_be_generated() -> None:
    """One of a further type needs an expression of its own."""
    derived = [column for column in COLUMNS if column.derived]

    assert derived
    assert all(f"'{column.name}'" in derivation(column) for column in derived)


def test_privileges_and_names_are_kept_as_they_are_spelt() -> None:
    """Whatever characters a role's name has."""
    table = replace(MEMORIES, owner='the "owner"', grants=(("PUBLIC", "SELECT"), ("my app", "INSERT")))

    assert rebuilt(table)[-3:] == (
        'ALTER TABLE ninai_memories OWNER TO "the ""owner"""',
        "GRANT SELECT ON ninai_memories TO PUBLIC",
        'GRANT INSERT ON ninai_memories TO "my app"',
    )
