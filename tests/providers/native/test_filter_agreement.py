"""Filters hold in SQL exactly where they hold in memory, whatever they and the metadata are."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.filters import Filter
from providers.native.containment import contained_in
from providers.native.filter_sql import filter_sql, json_of
from providers.native.jsonb import to_jsonb
from providers.postgres.bound_sql import Binding
from providers.search.filter_match import matches
from providers.types import Metadata
from tests.providers.test_contract_properties import REPRODUCIBLE, in_a_thread
from tests.support.conditions import objects, wheres
from tests.support.postgres import connected

Held = list[bool]


@pytest.mark.thorough
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
