"""mem0's filters, read as conditions of our own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.compat.mem0.filters import MAX_DEPTH, MAX_USERS, Selection, label_named, selections
from app.compat.mem0.labels import EntityNames, field_of
from providers.errors import InvalidInput
from providers.filters import And, Contains, Eq, Exists, Gte, In, Lt, Ne, Not, Or

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
RUN = field_of("run_id")

R = EntityNames(run_id="r")

READ: list[tuple[dict[str, Any], list[Selection]]] = [
    ({}, [Selection(user=None)]),
    ({"user_id": "u"}, [Selection(user="u")]),
    ({"AND": [{"user_id": "u"}]}, [Selection(user="u")]),
    ({"AND": [{"user_id": "u"}, {}]}, [Selection(user="u")]),
    ({"user_id": {"eq": "u"}}, [Selection(user="u")]),
    ({"user_id": ["u", "v"]}, [Selection(user="u"), Selection(user="v")]),
    ({"user_id": {"in": ["u", "v", "u"]}}, [Selection(user="u"), Selection(user="v")]),
    ({"OR": [{"user_id": "u"}, {"user_id": "v"}]}, [Selection(user="u"), Selection(user="v")]),
    ({"AND": [{"user_id": "u"}, {"user_id": "v"}]}, []),
    ({"AND": [{"user_id": ["u", "v"]}, {"NOT": {"user_id": "u"}}]}, [Selection(user="v")]),
    ({"user_id": "u", "run_id": "r"}, [Selection(user="u", labels=R)]),
    ({"user_id": "u", "run_id": "*"}, [Selection(user="u", rest=Exists(RUN))]),
    ({"user_id": "u", "run_id": {"ne": "*"}}, [Selection(user="u", rest=Not(Exists(RUN)))]),
    (
        {"OR": [{"user_id": "u"}, {"AND": [{"user_id": "u"}, {"run_id": "*"}]}]},
        [Selection(user="u")],
    ),
    (
        {"OR": [{"AND": [{"user_id": "u"}, {"run_id": "r"}]}, {"user_id": "v"}]},
        [Selection(user="u", labels=R), Selection(user="v")],
    ),
    (
        {"user_id": "u", "metadata": {"a": 1, "b": {"gte": 2}}},
        [Selection(user="u", where=And([Eq("a", 1), Gte("b", 2)]))],
    ),
    ({"user_id": "u", "topic": "tea"}, [Selection(user="u", where=Eq("topic", "tea"))]),
    ({"user_id": "u", "topic": ["tea", "coffee"]}, [Selection(user="u", where=In("topic", ["tea", "coffee"]))]),
    ({"user_id": "u", "topic": {"nin": ["tea"]}}, [Selection(user="u", where=Not(In("topic", ["tea"])))]),
    ({"user_id": "u", "topic": {"ne": None}}, [Selection(user="u", where=Ne("topic", None))]),
    ({"user_id": "u", "topic": []}, []),
    ({"user_id": "u", "topics": {"contains": "tea"}}, [Selection(user="u", where=Contains("topics", "tea"))]),
    (
        {"user_id": "u", "run_id": "r", "topic": "tea", "OR": [{"agent_id": "a"}, {"topic": "tea"}]},
        [
            Selection(
                user="u",
                labels=R,
                where=Eq("topic", "tea"),
                rest=Or([Eq(field_of("agent_id"), "a"), Eq("topic", "tea")]),
            )
        ],
    ),
    ({"AND": [{"run_id": "r"}, {"run_id": "s"}]}, [Selection(user=None, labels=R, rest=Eq(RUN, "s"))]),
    ({"user_id": "u", "year": {"gte": 1, "lt": 5}}, [Selection(user="u", where=And([Gte("year", 1), Lt("year", 5)]))]),
    (
        {"user_id": "u", "or": [{"a": 1}, {"not": [{"b": 1}, {"c": 1}]}]},
        [Selection(user="u", where=Or([Eq("a", 1), Not(Or([Eq("b", 1), Eq("c", 1)]))]))],
    ),
    (
        {"user_id": "u", "created_at": {"gte": "2026-01-01", "lt": "2026-01-01T00:00:01Z"}},
        [Selection(user="u", created_from=NEW_YEAR, created_before=NEW_YEAR + timedelta(seconds=1))],
    ),
    (
        {
            "AND": [
                {"user_id": "u"},
                {"created_at": {"gt": NEW_YEAR.timestamp()}},
                {"created_at": {"lte": "2026-01-01"}},
            ]
        },
        [
            Selection(
                user="u",
                created_from=NEW_YEAR + timedelta(microseconds=1),
                created_before=NEW_YEAR + timedelta(microseconds=1),
            )
        ],
    ),
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"user_id": "*"}, "must name users"),
    ({"user_id": ""}, "must name users"),
    ({"user_id": None}, "must name users"),
    ({"user_id": []}, "must name users"),
    ({"user_id": {"ne": "u"}}, "must name users"),
    ({"user_id": [f"u{n}" for n in range(MAX_USERS + 1)]}, "at most 10 users"),
    ({"AND": "x"}, "needs a list"),
    ({"AND": []}, "needs a list"),
    ({"OR": [1]}, "needs a list"),
    ({"AND": {}}, "AND needs a list"),
    ({"OR": [{"user_id": "u"}, {}]}, "OR needs a list"),
    ({"AND": [{"NOT": {}}]}, "NOT needs a list"),
    ({"topic": {"icontains": "tea"}}, "icontains is not supported"),
    ({"topic": {"like": "tea"}}, "like is not supported"),
    ({"topic": {"in": "tea"}}, "in needs a list"),
    ({"topic": {"gt": None}}, "compares numbers and texts"),
    ({"topic": {"gt": True}}, "compares numbers and texts"),
    ({"categories": ["food"]}, "categories is not supported"),
    ({"keywords": "x"}, "keywords is not supported"),
    ({"start_date": "2026-01-01"}, "start_date is not supported: use created_at"),
    ({"AND": [{"end_date": {"lte": "2026-01-01"}}]}, "end_date is not supported: use created_at"),
    ({"created_at": "2026-01-01"}, "needs an object"),
    ({"created_at": {"eq": "2026-01-01"}}, "eq is not supported"),
    ({"created_at": {"gte": "soon"}}, "ISO 8601"),
    ({"created_at": {"gte": 1e300}}, "ISO 8601"),
    ({"NOT": [{"created_at": {"gte": "2026-01-01"}}]}, "outside of OR and NOT"),
]


@pytest.mark.parametrize(("given", "read"), READ)
def test_filters_are_read_for_each_user(given: dict[str, Any], read: list[Selection]) -> None:
    """What is certain of a user is left out, and who is certainly not meant is not asked."""
    assert selections(given) == read


@pytest.mark.parametrize(("given", "reason"), REFUSED)
def test_what_is_not_served_is_refused(given: dict[str, Any], reason: str) -> None:
    """The reason is said."""
    with pytest.raises(InvalidInput, match=reason):
        selections(given)


@pytest.mark.parametrize(("levels", "allowed"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False)])
def test_filters_nest_to_a_bound(levels: int, *, allowed: bool) -> None:
    """Deeper ones are refused before they are walked through."""
    tree: dict[str, Any] = {"user_id": "u"}
    for _ in range(levels):
        tree = {"AND": [tree]}

    if allowed:
        assert selections(tree) == [Selection(user="u")]
    else:
        with pytest.raises(InvalidInput, match="levels deep"):
            selections(tree)


def test_an_agent_that_is_named_plainly_can_stand_for_a_user() -> None:
    """One inside an alternative cannot, nor can "any"."""
    assert label_named({"AND": [{"agent_id": "a"}, {"run_id": "*"}], "app_id": "x"}) == {"agent_id": "a", "app_id": "x"}
    assert label_named({"OR": [{"agent_id": "a"}, {"agent_id": "b"}]}) == {}
