"""Ids that mem0's clients see: a memory and its user in one word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compat.mem0.ids import MAX_ID_CHARS, OpenedId, opened, sealed
from providers.errors import MemoryNotFound
from providers.limits import MAX_USER_ID_CHARS

MEMORY = "018f0000-0000-7000-8000-000000000001"
USERS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=MAX_USER_ID_CHARS)


@given(st.uuids(), USERS)
def test_an_id_names_the_memory_and_its_user(memory: object, user: str) -> None:
    """Whatever the user is called; it can stand in a path, and has a bound."""
    text = sealed(str(memory), user)

    assert opened(text) == OpenedId(str(memory), user)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert len(text) <= MAX_ID_CHARS


@given(st.text(max_size=60))
def test_what_nobody_issued_is_not_found(text: str) -> None:
    """No text fails otherwise."""
    with pytest.raises(MemoryNotFound):
        opened(text)


@pytest.mark.parametrize("place", [0, 5, 8, 20, 35])
def test_an_id_that_was_changed_is_not_found(place: int) -> None:
    """Another user cannot be written into an id."""
    text = sealed(MEMORY, "priya")
    changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]

    with pytest.raises(MemoryNotFound):
        opened(changed)


@pytest.mark.parametrize(
    "text", [sealed(MEMORY, "priya") + "=", sealed(MEMORY, "priya")[:-1], "A" * (MAX_ID_CHARS + 1)]
)
def test_an_id_has_one_written_form(text: str) -> None:
    """Padding, cuts and what is longer than any id are refused."""
    with pytest.raises(MemoryNotFound):
        opened(text)


def test_the_plain_id_is_taken_as_well() -> None:
    """It names no user."""
    assert opened(MEMORY.upper()) == OpenedId(MEMORY, None)
