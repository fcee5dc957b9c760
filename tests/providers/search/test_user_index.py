"""The index of one user's memories: whatever came and went, it ranks as one that was built of what is there."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.search.columns import id_hash, id_hashes
from providers.search.entries import Entry, Vector, leading_name, said_by, text_of
from providers.search.packed_rows import hashed
from providers.search.questions import EmbeddedQuestion, Hit, Ordering, Question
from providers.search.ranking import rank
from providers.search.stored_analysis import LANGUAGES, analyses_of, fingerprint, stored_analysis
from providers.search.user_index import UserIndex
from providers.text.analyzer import ANALYZER_VERSION, analyze
from tests.support.packed import packed

START = datetime(2026, 3, 1, tzinfo=UTC)
CONTENTS = ["green tea", "Anna: masala tea in the morning", "rain", "alte Häuser am Fluss", "绿茶", "a shop for tea"]
QUESTION = Question.of("Anna's green tea or 绿茶 in a Haus", {"m": EmbeddedQuestion(np.array([0.6, 0.8], np.float32))})
VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, -0.6]], np.float32)


def entry(number: int, version: int, minute: int, *, session: str | None = None) -> Entry:
    """A memory that follows from its numbers."""
    vectors: dict[str, Vector] = {"m": VECTORS[version % 4]} if version % 3 else {}
    return Entry(
        id=str(UUID(int=number)),
        version=version,
        created_at=START + timedelta(minutes=minute),
        content=CONTENTS[version % len(CONTENTS)],
        vectors=vectors,
        session=session,
    )


def hits(index: UserIndex) -> list[tuple[str, float, float]]:
    """The answers of an index, without the rows, which depend on the history."""
    found: Sequence[Hit] = rank(index, QUESTION, Ordering(limit=100)).hits
    return [(hit.id, hit.score, hit.order) for hit in found]


steps = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 90), st.sampled_from([None, "a", "b"]), st.booleans()), max_size=60
)


@given(steps)
@settings(max_examples=60, deadline=None)
def test_an_index_is_what_it_holds(history: list[tuple[int, int, str | None, bool]]) -> None:
    """After any puts and removals it ranks exactly as an index that is built of the memories that are left."""
    index, held = UserIndex(), dict[int, Entry]()
    for version, (number, minute, session, removed) in enumerate(history):
        if removed:
            assert index.remove(str(UUID(int=number))) == (held.pop(number, None) is not None)
        else:
            held[number] = entry(number, version, minute, session=session)
            assert index.put(held[number])
        hits(index)  # so that what is kept for the next question is kept
    built = UserIndex()
    for one in held.values():
        built.put(one)

    at_once = UserIndex.of(packed([*held.values()]))
    later = UserIndex.of(packed([*held.values()][1:]))
    for one in [*held.values()][:1]:
        later.put(one)
    in_pages = UserIndex()
    for start in range(0, len(held), 5):
        in_pages.extend(packed([*held.values()][start : start + 5]))
    for other in (index, at_once, later, in_pages):
        assert len(other) == len(built) == len(held)
        assert sorted(other.languages) == sorted(built.languages)
        expected, actual = hits(built), hits(other)
        assert [one for one, *_ in actual] == [one for one, *_ in expected]
        assert [numbers for _, *numbers in actual] == [pytest.approx(numbers, abs=1e-6) for _, *numbers in expected]


def test_an_index_that_was_built_at_once_changes_as_any_other() -> None:
    """Memories of it are found by id, replaced and removed; vectors of other dimensions, and zeros, are left out."""
    entries = [entry(number, number, number) for number in range(40)]
    entries.append(msgspec.structs.replace(entry(40, 40, 40), vectors={"m": np.zeros(2, np.float32)}))
    entries.append(msgspec.structs.replace(entry(41, 41, 41), vectors={"m": np.ones(3, np.float32)}))
    index = UserIndex.of(packed(entries))

    assert [index.version_of(one.id) for one in entries] == [one.version for one in entries]
    assert len(index.planes["m"]) == sum(bool(one.vectors) for one in entries[:40])
    assert index.put(entry(3, 99, 3))
    assert (index.version_of(entries[3].id), len(index)) == (99, 42)
    assert not index.put(entry(3, 98, 3))
    assert all(index.remove(one.id) for one in entries)
    assert hits(index) == []


def test_an_analysis_is_found_again() -> None:
    """Names and terms of any script, and none of either."""
    texts = [("Anna: green tea", None), ("", None), ("绿茶", "Bén Lind"), ("tea " * 3, None), ("\ud800", "x\ud800")]
    stored = [stored_analysis(*text) for text in texts]
    found = analyses_of(b"".join(stored), np.array([len(one) for one in stored]))

    assert found.names == [said_by(*text) for text in texts]
    assert found.contents.tolist() == [fingerprint(content) for content, _ in texts]
    terms = [set(found.terms[found.memories == place].tolist()) for place in range(len(texts))]
    assert terms == [{hashed(term) for term in analyze(text_of(*text)).terms} for text in texts]
    assert found.lengths.tolist() == [len(one) for one in terms]


def test_hashes_are_those_that_are_stored() -> None:
    """Another process, and the next release, has the same; others want another version of the analyzer."""
    assert (ANALYZER_VERSION, LANGUAGES.index("german")) == (1, 1)
    assert stored_analysis("Anna: green tea", None).hex() == (
        "010004003c7c2848ff3ce639616e6e618925a7a69c3b47995aba9168fb092f"
    )
    assert id_hashes(*(np.array([half], np.uint64) for half in (2**64 - 1, 5))) == [id_hash(2**64 - 1, 5)]


def test_many_removals_move_the_others_together() -> None:
    """The rows of what is gone are given back, and the answers stay."""
    index = UserIndex()
    for number in range(1_000):
        index.put(entry(number, number, number))
    whole = index.nbytes
    for number in range(10, 1_000):
        index.remove(str(UUID(int=number)))
    built = UserIndex()
    for number in range(10):
        built.put(entry(number, number, number))

    assert index.moves > 0
    assert index.nbytes < whole / 4
    assert [one[0] for one in hits(index)] == [one[0] for one in hits(built)]


def test_a_copy_is_independent() -> None:
    """What is removed from a copy is gone from it for good, and stays in the original, also where both are asked."""
    index = UserIndex()
    for number in range(3):
        index.put(entry(number, number, number))
    before = hits(index)
    copy = deepcopy(index)
    assert hits(copy) == before
    copy.remove(str(UUID(int=0)))
    copy.put(entry(7, 7, 7))

    assert hits(index) == before
    assert copy.row_of(str(UUID(int=0))) is None
    assert index.row_of(str(UUID(int=0))) is not None
    assert index.row_of(str(UUID(int=7))) is None


def test_an_older_version_changes_nothing() -> None:
    """The same version again does: its vector may have come meanwhile."""
    index = UserIndex()
    index.put(entry(1, 5, 0))

    assert not index.put(entry(1, 4, 0))
    assert index.version_of(str(UUID(int=1))) == 5
    assert index.put(entry(1, 5, 0))
    assert index.version_of(str(UUID(int=2))) is None


def test_a_memory_takes_less_than_a_kilobyte() -> None:
    """Of 200 characters with 256 dimensions, its session and its speaker included."""
    index = UserIndex()
    random = np.random.default_rng(3)
    words = ["".join(random.choice(list("abcdefghij"), 6)) for _ in range(2_000)]
    for number in range(2_000):
        vector = random.standard_normal(256).astype(np.float32)
        content = " ".join(random.choice(words, 29))
        index.put(
            Entry(
                id=str(UUID(int=number)),
                version=number,
                created_at=START,
                content=content,
                vectors={"m": vector / np.sqrt(vector @ vector)},
            )
        )

    assert index.nbytes / len(index) < 1_000


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Anna: I moved", "Anna"),
        ("Dr. Lind: no", "Dr. Lind"),
        ("小明\uff1a我搬家了", "小明"),
        ("https://example.org", None),
        ("at 10:30: tea", None),
        ("no name", None),
        (": tea", None),
        ("a name that is far longer than any name of a speaker is: tea", None),
    ],
)
def test_a_name_in_front_is_the_speaker(content: str, name: str | None) -> None:
    """A few words and a colon."""
    assert leading_name(content) == name
