"""mem0's names beside the user, which are labels of a memory here: `agent_id` is its agent, `run_id` its session."""

from typing import Any, Literal

from msgspec import Struct

from providers import filters
from providers.filters import FieldPath, Filter
from providers.labels import Labels
from providers.search.filter_match import matches
from providers.types import MemoryRecord, Metadata

Label = Literal["agent_id", "app_id", "run_id"]
LABELS: tuple[Label, ...] = ("agent_id", "app_id", "run_id")

_OWN: dict[Label, str] = {"agent_id": "agent", "app_id": "app", "run_id": "session"}
# Conditions on labels stand among those on metadata, until they are told apart by their paths: no condition that
# clients write has a path of several steps.
_BESIDE = "labels beside the metadata"


class EntityNames(Struct, frozen=True, kw_only=True):
    """Name the agent, the application and the run of a memory."""

    agent_id: str | None = None
    app_id: str | None = None
    run_id: str | None = None

    @property
    def own(self) -> dict[str, Any]:
        """The labels of our own that are given, by their names."""
        return {_OWN[label]: value for label in LABELS if (value := getattr(self, label)) is not None}


NOTHING = EntityNames()


def labels_of(labelled: Labels) -> EntityNames:
    """Return the names of a memory."""
    return EntityNames(**{label: getattr(labelled, own) for label, own in _OWN.items()})


def field_of(label: Label) -> FieldPath:
    """Return where a condition finds a name."""
    return [_BESIDE, _OWN[label]]


class Divided(Struct, frozen=True):
    """Divide conditions that must all hold: `labels` are equal, `where` is on metadata alone, `rest` on both."""

    labels: EntityNames
    where: Filter | None
    rest: Filter | None


def divided(condition: Filter | None) -> Divided:
    """Divide what a store can answer from what is looked at here."""
    labels: dict[str, str] = {}
    where, rest = list[Filter](), list[Filter]()
    for one in _conjuncts(condition):
        label = _label_equal_in(one)
        if label is not None and label[0] not in labels:
            labels[label[0]] = label[1]
        elif any(isinstance(getattr(node, "field", None), list) for node, _ in filters.walk(one)):
            rest.append(one)
        else:
            where.append(one)
    return Divided(EntityNames(**labels), _all_of(where), _all_of(rest))


def meets(record: MemoryRecord, condition: Filter) -> bool:
    """Return whether a memory meets conditions on its metadata and its names."""
    beside = labels_of(record).own
    document: Metadata = {**(record.metadata or {}), **({_BESIDE: beside} if beside else {})}
    return matches(condition, document)


def _conjuncts(condition: Filter | None) -> list[Filter]:
    if condition is None:
        return []
    return (
        [part for one in condition.all for part in _conjuncts(one)]
        if isinstance(condition, filters.And)
        else [condition]
    )


def _label_equal_in(condition: Filter) -> tuple[Label, str] | None:
    if not isinstance(condition, filters.Eq) or not isinstance(condition.value, str) or not condition.value:
        return None
    return next(((label, condition.value) for label in LABELS if condition.field == field_of(label)), None)


def _all_of(conditions: list[Filter]) -> Filter | None:
    return None if not conditions else conditions[0] if len(conditions) == 1 else filters.And(conditions)
