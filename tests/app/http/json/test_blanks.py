"""Blanks are left out at both ends of a part, in whole windows."""

import asyncio

import pytest

from app.http.json.blanks import BLANKS, trimmed
from app.http.json.structure import WINDOW_BYTES
from providers.timing.turns import SLICE_SECONDS, Turns
from tests.support.turning import CountingClock, turns_during

LONG = BLANKS * WINDOW_BYTES  # four windows


@pytest.mark.parametrize("before", [b"", b" ", LONG, LONG + b" "])
@pytest.mark.parametrize("behind", [b"", b" ", LONG, LONG + b" "])
@pytest.mark.parametrize("inside", [b"tea", b"tea" + LONG + b"tea"])
async def test_less_than_a_window_is_left(before: bytes, behind: bytes, inside: bytes) -> None:
    """Of the blanks, and nothing is taken away of what they surround."""
    text = b"x" + before + inside + behind + b"x"

    begin, end = await trimmed(text, 1, len(text) - 1, Turns())

    assert text[begin:end].strip(BLANKS) == inside
    assert end - begin - len(inside) < 2 * WINDOW_BYTES


async def test_of_blanks_alone_no_more_than_a_window_is_left() -> None:
    """From which it can be told that there was nothing else."""
    begin, end = await trimmed(LONG, 0, len(LONG), Turns())

    assert 0 < end - begin <= WINDOW_BYTES


async def test_a_turn_is_taken_after_each_window() -> None:
    """A body may be padded with megabytes."""
    text = LONG + b"tea" + LONG
    work = trimmed(text, 0, len(text), Turns(CountingClock(2 * SLICE_SECONDS)))

    assert await turns_during(asyncio.create_task(work)) == 2 * len(LONG) // WINDOW_BYTES + 1
