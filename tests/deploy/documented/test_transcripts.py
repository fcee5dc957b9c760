"""What tells whether a page shows a terminal as it is."""

import pytest

from tests.support.transcripts import Step, agrees, missing, steps


def test_a_block_is_read_as_commands_with_answers() -> None:
    """A command may have several lines, and an answer none."""
    text = "$ one \\\n    two\nsaid\n\n$ three\n"

    assert list(steps(text)) == [Step("one \\\n    two", ("said",)), Step("three", ())]


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ('{"count":1}', '{"count":1}', True),
        ('{"count":1}', '{"count":2}', False),
        ("id 01a203e4-5a4f-763f-8849-9a1d5c4214d4", "id 018f0000-0000-7000-8000-000000000000", True),
        ("id 01a203e4-5a4f-763f-8849-9a1d5c4214d4", "id none", False),
        ("at 2026-11-22T15:33:46.704000Z", "at 2026-12-01T08:00:00.000001Z", True),
        ("score 0.344", "score 0.5123", True),
        ("native  home   closed  0", "native    home     closed         0", True),
        ("native  home  closed", "native  home  open", False),
        ("the ... of it", "the whole of it", True),
    ],
)
def test_only_what_varies_may_differ(expected: str, actual: str, *, same: bool) -> None:
    """Ids, times, decimals and the width of columns; never a count, a name or a state."""
    assert agrees(expected, actual) is same


def test_lines_are_looked_for_in_their_order() -> None:
    """Others may stand between them, such as headers that a page leaves out."""
    assert missing(("a", "c"), "a\nb\nc\n") == []
    assert missing(("c", "a"), "a\nb\nc\n") == ["a"]
