"""What the table holds of a memory: the same bytes, whether its pieces are known or not."""

from itertools import chain, cycle, islice, product
from string import ascii_lowercase, digits

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.native.analyzed import AnalyzedMemory
from providers.native.terms import MOST_TERMS, memory_terms, place_of
from providers.search.entries import text_of
from providers.search.stored_analysis import stored_analysis
from providers.text.analyzer import analyze_whole

_TEXT = (
    "the houses, were (not) HOUSES. Houses! It's Anna's don't l'homme y;z a,b,c and/or -- _x_ foo.bar a@b.co "
    "getUserById getUser JIRA-4821 h264 Anna: Ben: 2024 7 0 1,299.50 (030) +49 grün Häuser 我喝绿茶 வீட்டில்"
)
_pieces = st.sampled_from(_TEXT.split()) | st.text(st.characters(max_codepoint=127), max_size=4)
_contents = st.lists(_pieces, max_size=40).map(" ".join) | st.text(max_size=60)


@given(_contents, st.none() | st.sampled_from(["Anna", "Bén Lind", "\ud800"]))
@example("", None)
@example("the and", None)
@example("tea Tea, (tea) teas\x1ctea", None)
def test_what_is_known_of_pieces_makes_the_same_bytes(content: str, speaker: str | None) -> None:
    """As all terms of the whole text make them."""
    found = analyze_whole(text_of(content, speaker))

    memory = AnalyzedMemory.of(content, speaker)

    assert memory.analysis == stored_analysis(content, speaker)
    assert memory.terms == memory_terms(map(place_of, found.terms[:MOST_TERMS]), found.language)


@pytest.mark.parametrize("blanks", [" ", "/ "], ids=["one to a piece", "two to a piece"])
def test_very_many_terms_are_cut(blanks: str) -> None:
    """A vector holds 16,000 numbers: a memory has the first ones."""
    words = map("".join, product(ascii_lowercase, ascii_lowercase + digits, ascii_lowercase + digits))
    content = "".join(chain.from_iterable(islice(zip(words, cycle(blanks), strict=False), 16_384)))
    found = analyze_whole(content)

    memory = AnalyzedMemory.of(content, None)

    assert len(found.terms) > MOST_TERMS
    assert memory.analysis == stored_analysis(content, None)
    assert memory.terms == memory_terms(map(place_of, found.terms[:MOST_TERMS]), found.language)
