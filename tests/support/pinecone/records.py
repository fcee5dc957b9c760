"""The records of an index of Pinecone, each of which is shown some time after it was written."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Shown:
    """What becomes of a record: its contents from each moment on, None from the one at which it is gone."""

    versions: list[tuple[float, dict[str, Any] | None]] = field(default_factory=list)


class LateRecords:
    """Keep records by namespace; each write is shown up to `delay` seconds later, and of one record in their order."""

    def __init__(self, delay: float, seed: int = 0, now: Callable[[], float] = time.monotonic) -> None:
        self.delay = delay
        self._random, self._now = random.Random(seed), now  # noqa: S311 - the same again for the same seed
        self._namespaces: dict[str, dict[str, Shown]] = {}

    def put(self, namespace: str, records: list[dict[str, Any]]) -> None:
        """Write records, each in the place of the one with its id."""
        kept = self._namespaces.setdefault(namespace, {})
        for record in records:
            self._note(kept.setdefault(record["id"], Shown()), record)

    def remove(self, namespace: str, ids: list[str]) -> bool:
        """Remove records; return False if there is no such namespace."""
        kept = self._namespaces.get(namespace)
        if kept is None:
            return False
        for one in ids:
            if one in kept:
                self._note(kept[one], None)
        return True

    def shown(self, namespace: str) -> dict[str, dict[str, Any]] | None:
        """Return what reads show of a namespace, by ascending id; None if they show no such namespace."""
        kept, now = self._namespaces.get(namespace), self._now()
        if kept is None:
            return None
        found = {}
        known = False
        for record_id in sorted(kept):
            seen = [record for moment, record in kept[record_id].versions if moment <= now]
            known = known or bool(seen)
            if seen and seen[-1] is not None:
                found[record_id] = seen[-1]
        return found if known else None

    def namespaces(self) -> Iterator[tuple[str, int]]:
        """Yield the names of all namespaces that reads show, ascending, with the number of their records."""
        for name in sorted(self._namespaces):
            shown = self.shown(name)
            if shown is not None:
                yield name, len(shown)

    def written(self, namespace: str) -> dict[str, dict[str, Any]]:
        """Return what a namespace has in the end."""
        kept = self._namespaces.get(namespace, {})
        last = {one: shown.versions[-1][1] for one, shown in kept.items()}
        return {one: record for one, record in last.items() if record is not None}

    def clear(self) -> None:
        """Lose everything, as an index does that is made anew."""
        self._namespaces.clear()

    def _note(self, shown: Shown, record: dict[str, Any] | None) -> None:
        now = self._now()
        before = shown.versions[-1][0] if shown.versions else now
        # What was superseded long ago is shown to nobody.
        shown.versions = [one for place, one in enumerate(shown.versions) if not _is_hidden(shown, place, now)]
        shown.versions.append((max(before, now + self._random.uniform(0, self.delay)), record))


def _is_hidden(shown: Shown, place: int, now: float) -> bool:
    return place + 1 < len(shown.versions) and shown.versions[place + 1][0] <= now


def matches(metadata: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Return whether metadata meet a condition, of those that are used here."""
    for name, wanted in condition.items():
        for operator, value in wanted.items():
            held = metadata.get(name)
            results = {"$eq": held == value, "$exists": (name in metadata) == value}
            if not (held in value if operator == "$in" else results[operator]):
                return False
    return True
