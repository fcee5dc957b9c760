"""mem0's filters as conditions of our own: one selection for each user that they name.

    {"AND": [{"user_id": "priya"}, {"run_id": "*"}, {"created_at": {"gte": "2026-01-01"}}]}
    {"user_id": "priya", "metadata": {"topic": {"in": ["tea", "coffee"]}}}

A value is compared (`eq`), a list is `in`, `*` is "present", and an object holds operators: `eq ne in nin gt gte
lt lte`, and `contains` for an element of a list.
Conditions on a moment must hold for all memories, and so stand outside of `OR` and `NOT`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from app.compat.mem0.filter_values import (
    FIELD,
    Condition,
    all_hold,
    any_holds,
    moment_of,
    not_so,
    on_field,
    unsupported,
)
from app.compat.mem0.labels import LABELS, NOTHING, EntityNames, divided, field_of, meets
from providers.errors import InvalidInput
from providers.filters import Filter
from providers.types import Conditions, MemoryRecord

MAX_DEPTH = 16
MAX_USERS = 10
_GATES = {"AND": "and", "OR": "or", "NOT": "not"}
_DATES = frozenset({"start_date", "end_date"})
_UNKNOWN_FIELDS = frozenset({"categories", "keywords", "memory_ids", "feedback", "feedback_reason"})
_TICK = timedelta(microseconds=1)


class Selection(Struct, frozen=True, kw_only=True):
    """The conditions on the memories of one user; None without one, `created_before` is exclusive.

    A store answers all of them but `rest`, for which memories are looked at here.
    """

    user: str | None
    labels: EntityNames = NOTHING
    where: Filter | None = None
    rest: Filter | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None

    @property
    def conditions(self) -> Conditions:
        """The conditions that a store answers."""
        return Conditions(
            where=self.where,
            created_from=self.created_from,
            created_before=self.created_before,
            **self.labels.own,
        )

    def meets(self, record: MemoryRecord) -> bool:
        """Return whether a memory that a store has found meets the rest."""
        return self.rest is None or meets(record, self.rest)


def selections(tree: Mapping[str, Any] | None) -> list[Selection]:
    """Return what is selected of each user named, or of the one who is named elsewhere.

    Raises:
        InvalidInput: the filters are malformed, or ask for what is not served.
    """
    if not tree:
        return [Selection(user=None)]
    users = list(dict.fromkeys(_users_in(tree, 1)))
    if len(users) > MAX_USERS:
        raise InvalidInput(FIELD, f"must name at most {MAX_USERS} users, got {len(users)}")
    owners: list[str | None] = [*users] or [None]
    found = [_Reader(user).selection(tree) for user in owners]
    return [selection for selection in found if selection is not None]


def label_named(tree: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the agent, application or run that the outermost conditions name as one plain value."""
    named: dict[str, str] = {}
    for key, value in _conjuncts(tree or {}):
        if key in LABELS and isinstance(value, str) and value not in {"", "*"}:
            named.setdefault(key, value)
    return named


class _Reader:
    """Read the filters on behalf of one user."""

    def __init__(self, user: str | None) -> None:
        self._user = user
        self._from: datetime | None = None
        self._before: datetime | None = None

    def selection(self, tree: Mapping[str, Any]) -> Selection | None:
        """Return what is selected of this user's memories, None if it is nothing."""
        condition = self._all(tree, outermost=True)
        if condition is False:
            return None
        parts = divided(None if condition is True else condition)
        return Selection(
            user=self._user,
            labels=parts.labels,
            where=parts.where,
            rest=parts.rest,
            created_from=self._from,
            created_before=self._before,
        )

    def _all(self, tree: Mapping[str, Any], *, outermost: bool) -> Condition:
        return all_hold([self._one(key, value, outermost=outermost) for key, value in tree.items()])

    def _one(self, key: str, value: object, *, outermost: bool) -> Condition:
        gate = _GATES.get(key.upper())
        if gate is not None:
            return self._gate(gate, _trees(key, value), outermost=outermost)
        if key == "user_id":
            return self._of_user(value)
        if key == "created_at":
            return self._created(value, outermost=outermost)
        if key in _DATES:
            raise InvalidInput(FIELD, f"{key} is not supported: use created_at")
        if key in _UNKNOWN_FIELDS or key.endswith("_at"):  # other moments
            raise InvalidInput(FIELD, f"{key} is not supported")
        if key == "metadata" and isinstance(value, dict):
            return all_hold([on_field(name, wanted) for name, wanted in value.items()])
        for label in LABELS:
            if key == label:
                return on_field(field_of(label), value)
        return on_field(key, value)

    def _gate(self, gate: str, trees: list[Mapping[str, Any]], *, outermost: bool) -> Condition:
        outermost = outermost and (gate == "and" or (gate == "or" and len(trees) == 1))
        inside = [self._all(tree, outermost=outermost) for tree in trees]
        if gate == "and":
            return all_hold(inside)
        return any_holds(inside) if gate == "or" else not_so(any_holds(inside))

    def _of_user(self, value: object) -> bool:
        return self._user in _named_by(value)

    def _created(self, value: object, *, outermost: bool) -> bool:
        if not outermost:
            raise InvalidInput(FIELD, "created_at is supported outside of OR and NOT alone")
        if not isinstance(value, dict):
            raise InvalidInput(FIELD, "created_at needs an object with gt, gte, lt or lte")
        for operator, text in value.items():
            moment = moment_of(text)
            if operator in {"gte", "gt"}:
                begin = moment if operator == "gte" else moment + _TICK
                self._from = begin if self._from is None else max(self._from, begin)
            elif operator in {"lt", "lte"}:
                end = moment if operator == "lt" else moment + _TICK
                self._before = end if self._before is None else min(self._before, end)
            else:
                raise unsupported(operator)
        return True


def _users_in(tree: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield the users that the filters name; this walks through all of them first, and so checks their form."""
    if depth > MAX_DEPTH:
        raise InvalidInput(FIELD, f"must nest at most {MAX_DEPTH} levels deep")
    for key, value in tree.items():
        if key.upper() in _GATES:
            for inner in _trees(key, value):
                yield from _users_in(inner, depth + 1)
        elif key == "user_id":
            yield from _named_by(value)


def _conjuncts(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if key.upper() == "AND":
            for inner in _trees(key, value):
                yield from _conjuncts(inner)
        else:
            yield key, value


def _named_by(value: object) -> list[str]:
    """Return the users that a condition names."""
    if isinstance(value, dict) and len(value) == 1:
        [(operator, value)] = value.items()
        if operator not in {"eq", "in"}:
            raise InvalidInput(FIELD, "user_id must name users: with a value, eq or in")
    named = value if isinstance(value, list) else [value]
    if not named or not all(isinstance(name, str) and name not in {"", "*"} for name in named):
        raise InvalidInput(FIELD, "user_id must name users; memories of everybody are not searched")
    return [str(name) for name in named]


def _trees(key: str, value: object) -> list[Mapping[str, Any]]:
    given = value if isinstance(value, list) else [value]
    trees: list[Mapping[str, Any]] = [tree for tree in given if isinstance(tree, dict)]
    # Every memory meets an empty condition: only in a list of which all are to hold does it change nothing.
    empty = not all(trees) and (key.upper() != "AND" or value == {})
    if not trees or len(trees) < len(given) or empty:
        raise InvalidInput(FIELD, f"{key} needs a list of conditions")
    return trees
