"""Distinct values: each once, in the order in which it first comes."""

from providers.search.distinct import numbered
from providers.search.packed_texts import side_by_side
from providers.search.speakers import NOBODY, Speakers


def test_values_are_numbered_as_they_first_come() -> None:
    """None is a value like any other."""
    distinct, places = numbered(["tea", None, "tea", "milk", None], 5)

    assert distinct == ["tea", None, "milk"]
    assert places.tolist() == [0, 1, 0, 2, 1]
    assert numbered([], 0)[0] == []


def test_speakers_of_many_memories_are_counted_as_one_by_one() -> None:
    """So that a speaker is named until the last memory is released."""
    at_once, one_by_one = Speakers(), Speakers()
    names = ["anna", None, "ben", "anna", "i", "anna"]
    numbers = at_once.numbers(names).tolist()

    assert numbers == [one_by_one.number(name) for name in names]
    for speakers in (at_once, one_by_one):
        for _ in range(2):
            speakers.release(numbers[0])
        assert speakers.named_in("what did anna say") == numbers[0]
        speakers.release(numbers[0])
        assert speakers.named_in("what did anna say") == NOBODY


def test_texts_lie_side_by_side() -> None:
    """With the bytes of each, none where there is no text."""
    for texts in ([None, "tee", "", "süß"], [None, ""], []):
        packed, lengths = side_by_side(texts)
        assert packed == "".join(text or "" for text in texts).encode()
        assert lengths.tolist() == [len((text or "").encode()) for text in texts]
