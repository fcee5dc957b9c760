"""The analyzer: which terms a memory is found by, and which terms a question looks for."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.text.analyzer import MOST_QUESTION_WORDS, analyze, question_words
from providers.text.identifiers import LONGEST_WHOLE, LONGEST_WORD
from providers.text.languages import DEFAULT_LANGUAGE, MOST_WORDS, STOP_WORDS, language_of, script_language
from providers.text.tokens import LONGEST_TEXT


def finds(question: str, memory: str) -> bool:
    """Whether some word of a question stands in a memory, by the terms of that memory's language."""
    analysis = analyze(memory)
    return any(set(word.terms([analysis.language])) & set(analysis.terms) for word in question_words(question))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Masala TEA, masala!", ["masala", "tea"]),
        ("the cats of the houses", ["cat", "hous"]),
        ("the of and", []),
        ("don't Anna's we'll", ["anna"]),
        ("l'homme est dans la maison", ["homm", "maison"]),
        ("Die Häuser in der Straße sind groß", ["haus", "strass", "gross"]),
        ("வீட்டில் புத்தகங்கள்", ["வீடு", "புத்தகம்"]),
        ("книги в Москве", ["книг", "москв"]),
        ("我喝绿茶", ["我喝", "喝绿", "绿茶"]),
        ("茶", ["茶"]),
        ("ラーメン", ["ラー", "ーメ", "メン"]),
        ("커피를 마셨다", ["커피", "피를", "마셨", "셨다"]),
        ("ผัดไทย", ["ผัด", "ดไ", "ไท", "ทย"]),
        ("iPhone里的照片", ["iphone", "phone", "里的", "的照", "照片"]),
        ("\U0001f469\u200d\U0001f4bb \ufe0f \u200d \u0301", []),
        ("", []),
    ],
)
def test_a_text_is_its_terms(text: str, terms: list[str]) -> None:
    """Terms are stems, bigrams of scripts without blanks and parts of identifiers, each once; stop words are none."""
    assert sorted(analyze(text).terms) == sorted(terms)


@pytest.mark.parametrize(
    ("token", "terms"),
    [
        ("JIRA-4821", "jira4821 jira 4821"),
        ("getUserById", "getuserbyid get user id"),
        ("parse_JSONBody", "parsejsonbody pars json bodi"),
        ("__init__", "init"),
        ("h264", "h264 h 264"),
        ("C++", "c++ c"),
        ("C#", "c# c"),
        ("1,299.50", "1299.50 1299"),
        ("1.299,50", "1299.50 1299"),
        ("1,299", "1299 1.299"),
        ("3.14", "3.14 3"),
        ("1,234,567", "1234567"),
        ("192.168.0.1", "192.168.0.1 192 168 0 1"),
        ("2024-03-09", "20240309 2024 03 09"),
        ("10:30", "10 30"),
        ("+49 170 5551234", "491705551234 49 170 5551234"),
        ("0170/5551234", "01705551234 0170 5551234"),
        ("anna.lind@example.org", "annalindexampleorg anna lind exampl org"),
        ("https://example.org/docs?page=2", "httpsexampleorgdocspage2 https exampl org doc page 2"),
        ("/etc/nginx/nginx.conf", "etcnginxnginxconf etc nginx conf"),
        ("C:\\Users\\kannan", "cuserskannan c user kannan"),
        ("e-mail", "email e mail"),
    ],
)
def test_an_identifier_is_whole_and_in_parts(token: str, terms: str) -> None:
    """It is split at case, signs and digits, and kept without its signs."""
    assert set(analyze(f"{token} is it").terms) == set(terms.split())


@pytest.mark.parametrize(
    ("question", "memory"),
    [
        ("Who fixed jira 4821?", "JIRA-4821 was closed by Meena"),
        ("where is get_user_by_id", "getUserById lives in accounts.py"),
        ("was kostete 1299.50", "Der Laptop hat 1.299,50 Euro gekostet"),
        ("call 5551234", "Her number is +49 170 5551234"),
        ("nginx.conf", "The limit is in /etc/nginx/nginx.conf"),
        ("email address", "Send an e-mail"),
        ("Strasse", "die Straße am Fluss"),
        ("haus", "wir haben die Häuser gesehen"),
        ("muller", "Frau Müller hat angerufen"),
        ("coeur", "un cœur simple"),
        ("北京", "我昨天在北京"),
        ("புத்தகம்", "அவன் புத்தகங்களை வாங்கினான்"),
    ],
)
def test_a_question_finds_another_form(question: str, memory: str) -> None:
    """A question need not be written as the memory is."""
    assert finds(question, memory)


@pytest.mark.parametrize(
    ("question", "memory"),
    [("1250", "it costs 12.50"), ("texas", "the text"), ("who is it", "it is him"), ("京北", "北京")],
)
def test_a_question_does_not_find_something_else(question: str, memory: str) -> None:
    """What only looks alike, or says nothing, is not found."""
    assert not finds(question, memory)


def test_a_question_of_four_words_is_looked_up_in_every_language() -> None:
    """Its language is guessed wrongly, and that of the memories is not."""
    [houses] = question_words("Häuser")

    assert {"hauser", "haus"} <= set(houses.terms(["english", "german"]))
    assert "haus" not in houses.terms(["english"])


def test_a_word_that_says_nothing_in_another_language_may_be_empty() -> None:
    """An English question may ask for what is an article in German."""
    words = {word.text: word.may_be_empty for word in question_words("did the plants die")}

    assert words == {"plants": False, "die": True}


@pytest.mark.parametrize("language", sorted(STOP_WORDS))
def test_words_that_say_nothing_tell_the_language(language: str) -> None:
    """A text of a language's own stop words has no terms."""
    assert analyze(" ".join(sorted(STOP_WORDS[language]))).terms == ()


@pytest.mark.parametrize("char", ["7", "x", "\u0b85"])
def test_a_word_beyond_the_limit_is_several(char: str) -> None:
    """A word of the longest length is one; what goes on after it is the next."""
    longest = char * LONGEST_WORD

    assert len(analyze(longest).terms) == 1
    assert len(analyze(longest + char * 3).terms) == 2


def test_an_identifier_beyond_the_limit_is_its_parts_alone() -> None:
    """One of the longest length is kept whole, too."""
    longest = "ab1" * (LONGEST_WHOLE // 3)

    assert longest in analyze(longest).terms
    assert set(analyze(f"{longest}ab1").terms) == {"ab", "1"}


def test_a_text_beyond_the_limit_is_read_up_to_it() -> None:
    """The last word within is found, and the first one beyond is not."""
    filling = " " * (LONGEST_TEXT - 3)

    assert analyze(f"{filling}tea milk").terms == ("tea",)
    assert question_words(f"{filling}tea milk")[0].text == "tea"


def test_a_question_has_so_many_words() -> None:
    """Those beyond are not looked up."""
    within = " ".join(f"w{number}w" for number in range(MOST_QUESTION_WORDS))

    assert len(question_words(f"{within} further words")) == MOST_QUESTION_WORDS


@pytest.mark.parametrize(
    "text",
    ["a-", "_", "1,", "+1 ", "(0", "0 00 ", "aA", "é\u0301", "க்", "a'", "C++", "\u0301", "中a"],
    ids=ascii,
)
def test_hostile_texts_have_few_terms(text: str) -> None:
    """What repeats itself has few terms, however it is put together."""
    assert len(analyze(text * LONGEST_TEXT).terms) < 100


@given(st.text(max_size=200))
@example("\ud800 lone")
def test_any_text_has_terms_that_its_own_question_finds(text: str) -> None:
    """Whatever the text: its terms are distinct and short, and as a question it looks for all of them."""
    analysis = analyze(text)
    wanted = {term for word in question_words(text) for term in word.terms([analysis.language])}

    assert len(set(analysis.terms)) == len(analysis.terms)
    assert all(0 < len(term) <= 4 * LONGEST_WHOLE for term in analysis.terms)
    assert wanted >= set(analysis.terms)


_LATIN = {name: words for name, words in STOP_WORDS.items() if all(script_language(word) is None for word in words)}
_TELLING = sorted(set().union(*_LATIN.values()))


@given(st.lists(st.sampled_from(_TELLING) | st.text(max_size=8), max_size=MOST_WORDS + 5))
@example([*_TELLING[:1]] * (MOST_WORDS + 1))
@example(["de"] * MOST_WORDS)
def test_the_language_is_the_one_with_most_votes(words: list[str]) -> None:
    """A word counts less for each of several languages; English is first among equals, then the first by name."""
    votes = dict.fromkeys(_LATIN, 0)
    for word in words[:MOST_WORDS]:
        languages = [name for name in _LATIN if word in _LATIN[name]]
        for name in languages:
            votes[name] += 60 // len(languages)

    assert language_of(words) == min(votes, key=lambda name: (-votes[name], name != DEFAULT_LANGUAGE, name))
