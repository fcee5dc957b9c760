"""The form of an API key, and its hashes."""

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.keys import HASH_PATTERN, MAX_KEY_CHARS, Pepper, hash_key, key_id_in, new_key

IDS = st.text("abcXYZ019_-", min_size=1, max_size=64)
MOST_BYTES = 64 * 1024  # that reading one key allocates, whatever is shown


def test_a_key_is_random_and_recognisable() -> None:
    """A prefix for scanners, the id, 43 characters of secret and 6 of checksum."""
    first, second = new_key("ci-bot"), new_key("ci-bot")

    assert re.fullmatch(r"ninai_ci-bot_[A-Za-z0-9]{43}_[A-Za-z0-9]{6}", first)
    assert first != second


@given(IDS)
def test_a_key_carries_its_id(key_id: str) -> None:
    """Whatever an id may consist of, also what stands between the parts."""
    assert key_id_in(new_key(key_id)) == key_id


@given(IDS, st.data())
def test_a_mistyped_key_is_no_key(key_id: str, data: st.DataObject) -> None:
    """One character changed, left out or added anywhere is noticed without looking a key up."""
    key = new_key(key_id)
    place = data.draw(st.integers(0, len(key) - 1))
    char = data.draw(st.sampled_from("abcXYZ019_-.~ \0ü"))

    assert key_id_in(key[:place] + char + key[place + 1 :]) in ({key_id} if char == key[place] else {None})
    assert key_id_in(key[:place] + key[place + 1 :]) is None
    assert key_id_in(key[:place] + char + key[place:]) is None


@given(st.text(max_size=2_000) | st.from_regex(r"ninai_[a-z_]*_[A-Za-z0-9_]*"))
def test_any_text_is_a_key_or_none(text: str) -> None:
    """The parser raises nothing, and what it accepts has the form."""
    found = key_id_in(text)

    assert found is None or text.startswith(f"ninai_{found}_")


@pytest.mark.parametrize("text", ["ninai_" + "a_" * 500_000, "ninai_" + "_" * 1_000_000, "\ud800" * 500_000])
def test_a_huge_text_costs_nothing(text: str) -> None:
    """It is not looked at."""
    tracemalloc.start()
    found = key_id_in(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (found, peak < MOST_BYTES) == (None, True)


@pytest.mark.parametrize("key_id", ["", "a b", "ü", "a" * 65, "a\n"])
def test_an_id_is_one_that_a_key_can_carry(key_id: str) -> None:
    """No key is made that could not be read."""
    with pytest.raises(ValueError, match="expected an id"):
        new_key(key_id)


def test_the_longest_id_fits() -> None:
    """With room to spare for keys of before, which had any form."""
    assert len(new_key("a" * 64)) < MAX_KEY_CHARS


def test_a_bare_hash_is_sha256_of_the_whole_key() -> None:
    """The published test vector of SHA-256 (FIPS 180-2, B.1)."""
    assert hash_key("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_hash_is_hmac_of_the_whole_key() -> None:
    """The published test vector of HMAC-SHA-256 (RFC 4231, 4.3)."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert Pepper(b"Jefe").digest("what do ya want for nothing?").hex() == expected
    assert Pepper(b"Jefe").hash("what do ya want for nothing?").endswith(f":{expected}")


def test_hashes_of_two_peppers_are_told_apart() -> None:
    """By the id of the pepper, which does not show it; both are of the form that settings take."""
    one, other = Pepper(b"1" * 32), Pepper(b"2" * 32)

    assert one.id != other.id
    assert re.match(HASH_PATTERN, one.hash("key"))
    assert re.match(HASH_PATTERN, hash_key("key"))
    assert "1" * 8 not in repr(one)


@given(st.text(max_size=50))
def test_every_text_has_a_hash(text: str) -> None:
    """Also one with lone surrogates, which is none in UTF-8."""
    assert re.match(HASH_PATTERN, hash_key(text + "\ud800"))
    assert len(Pepper(b"x" * 32).digest(text + "\udfff")) == 32
