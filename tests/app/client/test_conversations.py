"""Messages of conversations, as adapters store and ask for them."""

import pytest

from ninaivalaigal import AsyncClient
from ninaivalaigal.conversations import keep, messages_of, pieces, remembered_for
from ninaivalaigal.limits import MAX_CONTENT_CHARS, MAX_LABEL_CHARS, as_content


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("", []),
        (" \n", []),
        ("x" * MAX_CONTENT_CHARS, [MAX_CONTENT_CHARS]),
        ("x" * (MAX_CONTENT_CHARS + 1), [MAX_CONTENT_CHARS, 1]),
        ("x" + " " * MAX_CONTENT_CHARS * 2 + "x", [MAX_CONTENT_CHARS, 2]),
    ],
)
def test_a_long_text_is_cut_into_pieces(text: str, lengths: list[int]) -> None:
    """None is blank, or longer than a memory may be."""
    assert [len(piece) for piece in pieces(text)] == lengths


def test_a_speaker_is_a_label() -> None:
    """It is never blank, and never too long."""
    messages = messages_of([(" ", "a"), ("s" * (MAX_LABEL_CHARS + 1), "b"), ("user", "")])

    assert [len(message["role"]) for message in messages] == [len("unknown"), MAX_LABEL_CHARS]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (" ", "key"),
        ("x" * MAX_CONTENT_CHARS, "x" * MAX_CONTENT_CHARS),
        ("x" * MAX_CONTENT_CHARS + "y", "x" * MAX_CONTENT_CHARS),
        (" " * MAX_CONTENT_CHARS + "y", "key"),
    ],
)
def test_content_is_the_beginning_of_a_text(text: str, content: str) -> None:
    """Where it is blank, something else stands for it."""
    assert as_content(text, otherwise="key") == content


async def test_what_was_said_is_kept_once_under_a_key_and_comes_back(client: AsyncClient) -> None:
    """More than one request may be needed for it, each of which has a key of its own."""
    spoken = [("user", f"item {number}") for number in range(1_001)]

    for _ in range(2):
        assert await client.run(keep(spoken, {"session": "s", "idempotency_key": "k"})) == 1_001
    told = await client.run(remembered_for(["item 1000", " "], user=None, limit=1))

    assert (await client.query_memories(total=True, limit=1, session="s")).total == 1_001
    assert told.endswith(": item 1000\n")


async def test_nothing_is_asked_without_a_question(client: AsyncClient) -> None:
    """Blanks are none; a question that is too long is asked with its end."""
    await client.remember("the end of a question")

    assert await client.run(remembered_for([" ", ""], user=None, limit=1)) == ""
    assert await client.run(remembered_for(["x" * 32_000, "the end of a question"], user=None, limit=1))
