"""Merging states is a join: in any order, grouping and number the same states come to the same one."""

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest
from msgspec.structs import replace

from providers.states.merging import merged
from providers.types import Snapshot

MEMORY_ID = str(UUID(int=1))
EDITS = [str(UUID(int=number)) for number in (2, 3)]
MOMENT = datetime(2024, 1, 1, tzinfo=UTC)

LIVE = Snapshot(user_id="anna", id=MEMORY_ID, version=5, content="tea", created_at=MOMENT, digest=b"d")
DELETED = Snapshot(user_id="anna", id=MEMORY_ID, version=5, content=None, created_at=MOMENT)

STATES = [
    LIVE,
    replace(LIVE, version=6, content="coffee"),
    replace(LIVE, edits=(EDITS[0],), content="milk"),
    replace(LIVE, edits=(EDITS[1],), content="water"),
    replace(LIVE, digest=b"e", content="juice"),
    DELETED,
    replace(DELETED, version=4, created_at=None),
    replace(DELETED, edits=(EDITS[0],)),
    replace(DELETED, edits=(EDITS[1],), created_at=None),
    replace(LIVE, version=4, content="edited", updated_at=MOMENT),
]


def test_the_order_does_not_matter() -> None:
    """Of any two states either one may come first."""
    assert [merged(one, other) for one, other in product(STATES, STATES)] == [
        merged(other, one) for one, other in product(STATES, STATES)
    ]


def test_the_grouping_does_not_matter() -> None:
    """Of any three states the first two or the last two may be merged beforehand."""
    for one, two, three in product(STATES, STATES, STATES):
        assert merged(merged(one, two), three) == merged(one, merged(two, three))


@pytest.mark.parametrize("state", STATES)
def test_what_changes_nothing_leaves_the_very_state(state: Snapshot) -> None:
    """Whoever merges can tell by identity that nothing is to be done."""
    assert merged(state, replace(state)) is state


@pytest.mark.parametrize(
    ("stored", "new", "expected"),
    [
        pytest.param(STATES[0], STATES[1], STATES[1], id="the newer version"),
        pytest.param(STATES[1], DELETED, DELETED, id="the tombstone"),
        pytest.param(DELETED, STATES[1], DELETED, id="the tombstone, though first"),
        pytest.param(replace(DELETED, version=9), DELETED, DELETED, id="the older tombstone"),
        pytest.param(STATES[6], LIVE, replace(STATES[6], created_at=MOMENT), id="a tombstone of a memory"),
        pytest.param(STATES[6], DELETED, replace(STATES[6], created_at=MOMENT), id="an older tombstone of a memory"),
        pytest.param(STATES[2], STATES[3], STATES[3], id="the greater edits"),
        pytest.param(STATES[9], STATES[1], STATES[9], id="the edit, though a repeated first write is newer"),
        pytest.param(STATES[9], DELETED, DELETED, id="the tombstone over an edit"),
    ],
)
def test_the_state_that_counts_stays(stored: Snapshot, new: Snapshot, expected: Snapshot) -> None:
    """Edits win over first writes, newer versions over older ones, tombstones over all, older ones over later ones."""
    assert merged(stored, new) == expected
