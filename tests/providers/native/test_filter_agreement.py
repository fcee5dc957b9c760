"""Filters hold in SQL exactly where they hold in memory, whatever they and the metadata are."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from providers import filters
from providers.filters import Filter
from providers.native.containment import contained_in
from providers.native.filter_sql import filter_sql, json_of
from providers.native.jsonb import to_jsonb
from providers.postgres.bound_sql import Binding
from providers.search.filter_match import matches
from providers.types import Metadata
from tests.providers.test_contract_properties import REPRODUCIBLE, in_a_thread
from tests.support.postgres import connected

# Few of each, so that what is asked for is often there.
leaves = st.sampled_from([None, True, False, 0, 1, 1.0, 2.5, -1, 10**22, 1e22, "", "a", "ab", "b", "é", "😀", "1"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)
keys = st.sampled_from(["a", "b", "0", "-1"])
objects = st.none() | st.dictionaries(keys, values, max_size=3)
fields = keys | st.lists(keys, min_size=1, max_size=3)
sizes = st.sampled_from([0, 1, 1.0, 2.5, -1, 10**22, "", "a", "ab", "é"])
several = st.lists(values, min_size=1, max_size=3)
bounds = st.tuples(st.sampled_from([-1, 0, 1.5]), st.sampled_from([1, 2.5, 10**23])) | st.tuples(
    st.sampled_from(["", "a"]), st.sampled_from(["ab", "é"])
)
conditions = st.one_of(
    *(st.builds(kind, fields, values) for kind in (filters.Eq, filters.Ne, filters.Contains)),
    *(st.builds(kind, fields, several) for kind in (filters.In, filters.ContainsAny, filters.ContainsAll)),
    *(st.builds(kind, fields, sizes) for kind in (filters.Gt, filters.Gte, filters.Lt, filters.Lte)),
    st.builds(filters.Prefix, fields, st.sampled_from(["", "a", "é", "%"])),
    st.builds(lambda field, pair: filters.Between(field, *pair), fields, bounds),
    st.builds(filters.Exists, fields),
)
wheres = st.recursive(
    conditions,
    lambda inner: (
        st.builds(filters.Not, inner)
        | st.builds(filters.And, st.lists(inner, min_size=1, max_size=3))
        | st.builds(filters.Or, st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=4,
)

Held = list[bool]


async def test_a_filter_means_the_same_in_sql_and_in_memory(database: str) -> None:
    """Each memory meets it in both or in neither, and never half."""
    async with connected(database) as connection:

        async def meeting(where: Filter, shelf: list[Metadata | None]) -> Held:
            binding = Binding()
            bound = binding.bind(list(map(to_jsonb, shelf)), "jsonb[]")
            rows = f"unnest({bound}) WITH ORDINALITY AS row (metadata, place)"
            held = filter_sql(where, binding.bind)
            contained = [f"metadata @> {binding.bind(json_of(one), 'jsonb')}" for one in contained_in(where)]
            listed = " AND ".join([*contained, held])
            asked = binding.of(f"SELECT {held}, coalesce({listed}, false) FROM {rows} ORDER BY place")  # noqa: S608 - fixed fragments
            found = await connection.fetch(asked.text, *asked.values)
            assert [row[1] for row in found] == [row[0] for row in found]  # an index on what it contains misses none
            return [row[0] for row in found]

        def run(wait: Callable[[Coroutine[Any, Any, Held]], Held]) -> None:
            @settings(REPRODUCIBLE, max_examples=300)
            @given(wheres, st.lists(objects, min_size=1, max_size=20))
            def agrees(where: Filter, shelf: list[Metadata | None]) -> None:
                written = msgspec.json.decode(msgspec.json.encode(where), type=Filter)

                assert wait(meeting(written, shelf)) == [matches(where, metadata) for metadata in shelf]

            agrees()

        await in_a_thread(run)
