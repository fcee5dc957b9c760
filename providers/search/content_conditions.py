"""Conditions on contents - metadata, labels, keys, sources - judged for many memories of an index at once.

Each condition on a field looks at every distinct value once; what is left of it for each memory is one look into an
array. All is done in short steps, between which an event loop may turn.
"""

from collections.abc import Callable, Generator, Iterator
from functools import partial, reduce
from operator import and_, attrgetter, or_

import numpy as np
from numpy.typing import NDArray

from providers import filters
from providers.search.field_table import KEY, FieldTable, Path
from providers.search.leaf_tests import LeafTest, leaf_test
from providers.search.moments import NO_MOMENT, microseconds
from providers.search.traits import Traits
from providers.search.user_index import UserIndex
from providers.types import Conditions

Mask = NDArray[np.bool_]
Steps = Generator[None, None, Mask]

_FIELDS = 8  # whose columns are there at once
_TRAIT_OF = {"key": "source_key"}  # from the names of the fields of a source
_STEP = 64  # combinations of traits between two turns


def content_steps(index: UserIndex, conditions: Conditions, table: FieldTable, first: int, end: int) -> Steps:
    """Return at last which of these rows of an index meet the conditions on contents; `table` begins at the first one.

    Rows may be added to the index meanwhile, but must not be renumbered.
    """
    mask = yield from _by_traits(index, conditions, first, end)
    tests = _tests(conditions)
    met: dict[tuple[Path, int], Mask] = {}
    fields = [*dict.fromkeys(path for path, *_ in tests)]
    for at in range(0, len(fields), _FIELDS):
        columns = yield from table.made(fields[at : at + _FIELDS], index.metadata, index.keys, first, end)
        for path, place, test in tests:
            if path in columns:
                met[path, place] = columns[path].of_rows(test(columns[path]), end - first)
                yield
    for path, place, _ in tests:
        if path == KEY:
            mask &= met[path, place]
    if conditions.where is not None:
        leaves = iter([met[path, place] for path, place, _ in tests if path != KEY])
        mask &= _joined(conditions.where, leaves)
    return mask


def _tests(conditions: Conditions) -> list[tuple[Path, int, LeafTest]]:
    """Return the tests of single fields with their paths and places, those of the filter in the order of a walk."""
    leaves: list[tuple[Path, filters.Leaf]] = []
    if conditions.key is not None:
        leaves.append((KEY, filters.Eq("", conditions.key)))
    if conditions.key_prefix is not None:
        leaves.append((KEY, filters.Prefix("", conditions.key_prefix)))
    if conditions.where is not None:
        for node, _ in filters.walk(conditions.where):
            if not isinstance(node, filters.And | filters.Or | filters.Not):
                leaves.append((tuple(filters.path_of(node.field)), node))
    return [(path, place, leaf_test(leaf)) for place, (path, leaf) in enumerate(leaves)]


def _joined(node: filters.Filter, leaves: Iterator[Mask]) -> Mask:
    children = filters.children_of(node)
    if not children:
        return next(leaves)
    masks = [_joined(child, leaves) for child in children]
    match node:
        case filters.Not():
            return ~masks[0]
        case filters.Or():
            return reduce(or_, masks)
        case _:
            return reduce(and_, masks)


def _by_traits(index: UserIndex, conditions: Conditions, first: int, end: int) -> Steps:
    labels = {name: label for name, label in conditions.given_labels.items() if name != "key"}
    source = {_TRAIT_OF.get(name, name): value for name, value in conditions.given_source.items()}
    asked = labels | source

    mask = np.ones(end - first, np.bool_)
    if asked:
        values_of, [*values] = attrgetter(*asked), asked.values()
        wanted = tuple(values) if len(values) > 1 else values[0]
        met = yield from _stepwise(index, lambda traits: bool(values_of(traits) == wanted))
        mask &= met[index.columns.traits[first:end]]
    for writer in conditions.hidden:
        writers = yield from _stepwise(index, partial(Traits.is_of, writer=writer))
        hidden = writers[index.columns.traits[first:end]]
        written = index.columns.written[first:end]
        within = written >= microseconds(writer.since)
        if writer.until is not None:
            within &= written < microseconds(writer.until)
        mask &= ~(hidden & (within | (written == NO_MOMENT)))
    return mask


def _stepwise(index: UserIndex, test: Callable[[Traits], bool]) -> Steps:
    met = []
    for one in index.traits.met(test):
        met.append(one)
        if len(met) % _STEP == 0:
            yield
    return np.array(met, np.bool_)
