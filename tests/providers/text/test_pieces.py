"""Pieces of texts: what is known of them makes no difference to what a text is analyzed as."""

from itertools import chain

from hypothesis import example, given
from hypothesis import strategies as st

from providers.text.analyzer import analyze, analyze_whole
from providers.text.languages import MOST_WORDS, STOP_WORDS
from providers.text.pieces import PieceTerms, PieceVotes

_TEXT = (
    "the houses, were (not) HOUSES. It's Anna's don't l'homme y;z a,b,c and/or -- - _x_ n't C++ c# foo.bar a@b.co "
    'getUserById JIRA-4821 h264 {"a":"b","c":[1,2]} http://x.y/z?q=1&b=2 __init__ 2024 7 0 '
    "1,299.50 1,2 3.14 0151 (030) +49 123 grün Häuser \u00e9t\u00e9 книги வீட்டில் 我喝绿茶 ผัดไทย ﬁne"
)
_BLANKS = (" ", "  ", "\n", "\t", "\x1c", "\x0b", "\x85", "\u00a0", "\u2003", "")
_SOME_WORDS = sorted(chain.from_iterable(sorted(words)[:10] for words in STOP_WORDS.values()))

_piece = (
    st.sampled_from(_TEXT.split())
    | st.sampled_from(_SOME_WORDS)
    | st.text(st.characters(max_codepoint=127), max_size=4)
)
_texts = st.lists(st.tuples(_piece, st.sampled_from(_BLANKS)).map("".join), max_size=2 * MOST_WORDS).map("".join)


@given(_texts | st.text(max_size=100))
@example("\ud800 lone")
@example(" ".join(["de"] * (MOST_WORDS + 1)))
@example(" ".join(["--"] * MOST_WORDS + ["der", "Hund"]))
@example(" ".join(["7"] * 3 * MOST_WORDS + ["der", "Hund"]))
@example(" ".join(["a,b"] * MOST_WORDS + ["der", "Hund"]))
@example(" ".join(["x" * 65, "0123", "456"]))
def test_a_text_of_known_pieces_is_analyzed_as_a_whole_one(text: str) -> None:
    """Whatever the scripts, the numbers, the blanks and the number of words: the terms, in order, and the language."""
    assert analyze(text) == analyze_whole(text)


def test_few_pieces_are_kept() -> None:
    """No more pieces are known than asked for, and long ones never are."""
    votes, terms = PieceVotes(most=3), PieceTerms(lambda token, language: (f"{token} {language}",), " ".join, most=3)

    for number in range(10):
        votes.of([f"the{number}", "x" * 65])
        assert terms.within("english")(f"the{number}") == f"the{number} english"
        terms.within("german")(f"the{number}")

    assert len(votes) <= 3
    assert len(terms) <= 3
