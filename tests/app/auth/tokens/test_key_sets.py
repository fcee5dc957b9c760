"""Which keys of an issuer are used, and where they are read."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_curve_key
from jwt.algorithms import ECAlgorithm

from app.auth.tokens.fault import KeySetFault
from app.auth.tokens.key_set import MAX_KEYS, KeySet
from app.auth.tokens.source import MAX_KEY_SET_BYTES, fetch, may_be_asked, read
from app.settings.auth import Algorithm
from tests.support.issuer import TokenIssuer, certified, curve_key, jwk, rsa_key
from tests.support.openai_http import response

KEY, RSA = curve_key(), rsa_key()
ALLOWED: list[Algorithm] = ["RS256", "ES256"]
# Not on this machine, and nobody is asked.
UNREACHABLE = "http://127.0.0.1:1/jwks"


def key_set(*keys: Any) -> KeySet:  # noqa: ANN401 - JSON
    """Read a set of these keys."""
    return KeySet(json.dumps({"keys": keys}).encode(), ALLOWED)


@pytest.mark.parametrize(
    "unusable",
    [
        jwk(KEY, "a", use="enc"),
        jwk(KEY, "a", key_ops=["sign"]),
        jwk(KEY, "a", alg="ES384"),
        jwk(KEY, "a", crv="P-384"),
        jwk(KEY, "a", x="AA"),
        jwk(KEY, "a", kty="RSA"),
        json.loads(ECAlgorithm.to_jwk(KEY)),
        jwk(new_curve_key(SECP384R1()), "a"),
        jwk(rsa_key(1024), "a"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "RS256"},
        {"kid": "a"},
        {"kty": "EC", "kid": 7},
        "EC",
        None,
    ],
)
def test_a_key_that_cannot_be_used_is_left_out(unusable: object) -> None:
    """The others count; a set of nothing else is refused."""
    found = key_set(unusable, jwk(KEY, "good"))

    assert len(found) == 1
    assert found.key_for("good", "ES256") is not None
    assert found.key_for("a", "ES256") is None
    with pytest.raises(KeySetFault, match="none of its 1 key is for RS256, ES256"):
        key_set(unusable)


def test_keys_are_found_by_their_id_and_algorithm() -> None:
    """Two keys of one id and different types are two."""
    found = key_set(jwk(KEY, "a", use="sig", key_ops=["verify"]), jwk(RSA, "a", alg="RS256"))

    assert (len(found), found.key_for("a", "PS256"), found.key_for("b", "ES256")) == (2, None, None)
    for algorithm in ALLOWED:
        key = found.key_for("a", algorithm)
        assert key is not None
        assert key.algorithm_name == algorithm


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"<html>", b'{"keys": 1}', b"\xff", b'{"keys":' + b"[" * 5_000])
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    """Such as the page of a proxy."""
    with pytest.raises(KeySetFault, match="this is no JSON Web Key Set"):
        KeySet(content, ALLOWED)


def test_a_set_has_a_number_of_keys() -> None:
    """As many as are read, and one more."""
    one = jwk(KEY, "a")

    assert len(key_set(*[one] * MAX_KEYS)) == MAX_KEYS
    with pytest.raises(KeySetFault, match=f"there are {MAX_KEYS + 1} keys"):
        key_set(*[one] * (MAX_KEYS + 1))


def test_a_file_has_a_length(tmp_path: Path) -> None:
    """The longest is read; a byte more is not, and neither is what is no file."""
    file = tmp_path / "jwks.json"
    file.write_bytes(b" " * MAX_KEY_SET_BYTES)
    assert len(read(file)) == MAX_KEY_SET_BYTES
    file.write_bytes(b" " * (MAX_KEY_SET_BYTES + 1))
    with pytest.raises(KeySetFault, match=f"more than {MAX_KEY_SET_BYTES} bytes"):
        read(file)
    with pytest.raises(KeySetFault, match="No such file"):
        read(tmp_path / "absent.json")


@pytest_asyncio.fixture
async def source() -> AsyncIterator[TokenIssuer]:
    """An issuer that publishes its keys."""
    async with TokenIssuer().served() as served:
        yield served


async def test_keys_are_fetched(source: TokenIssuer) -> None:
    """By address, and by name."""
    assert await fetch(source.url) == source.key_set
    assert await fetch(source.url.replace("127.0.0.1", "localhost")) == source.key_set


async def test_the_issuer_must_have_the_name_that_is_asked(tmp_path: Path) -> None:
    """Its certificate is for the name in the URL, also though its address is what is asked; others are not believed."""
    server, client = certified("localhost", tmp_path)
    async with TokenIssuer().served(server) as source:
        by_name = source.url.replace("127.0.0.1", "localhost")

        assert await fetch(by_name, client) == source.key_set
        for url, tls in ((source.url, client), (by_name, None)):
            with pytest.raises(KeySetFault):
                await fetch(url, tls)
    assert source.fetched == 1


async def test_a_redirect_is_not_followed(source: TokenIssuer) -> None:
    """It could lead to any address, and to keys of anybody."""
    source.answer = response(307, b"", {"location": source.url})

    with pytest.raises(KeySetFault, match="the answer is 307, and redirects are not followed"):
        await fetch(source.url)
    assert source.fetched == 1


async def test_a_fetched_set_has_a_length(source: TokenIssuer) -> None:
    """The longest is read; a byte more is not."""
    source.answer = response(200, b" " * MAX_KEY_SET_BYTES)
    assert len(await fetch(source.url)) == MAX_KEY_SET_BYTES
    source.answer = response(200, b" " * (MAX_KEY_SET_BYTES + 1))
    with pytest.raises(KeySetFault, match="more than"):
        await fetch(source.url)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"])
async def test_a_broken_answer_is_a_fault(source: TokenIssuer, answer: bytes) -> None:
    """Its words are quoted nowhere."""
    source.answer = answer

    with pytest.raises(KeySetFault, match="it cannot be fetched: RemoteProtocolError"):
        await fetch(source.url)


async def test_nobody_there_is_a_fault() -> None:
    """Which is what most faults are."""
    with pytest.raises(KeySetFault, match="none of its addresses answers"):
        await fetch(UNREACHABLE)


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/jwks",
        "https://[::ffff:169.254.169.254]/jwks",
        "https://[fd00:ec2::254]/jwks",
        "https://0.0.0.0/jwks",
        "http://169.254.169.254/jwks",
    ],
)
async def test_link_local_addresses_are_not_asked(url: str) -> None:
    """There clouds tell a machine its secrets."""
    with pytest.raises(KeySetFault, match="its address is one that is not asked"):
        await fetch(url)


@pytest.mark.parametrize(
    ("address", "encrypted", "expected"),
    [
        ("192.0.2.1", True, True),
        ("10.0.0.1", True, True),
        ("2001:db8::1", True, True),
        ("127.0.0.1", True, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("10.0.0.1", False, False),
        ("192.0.2.1", False, False),
        ("fe80::1%eth0", True, False),
        ("224.0.0.1", True, False),
        ("::", True, False),
    ],
)
def test_which_addresses_are_asked(address: str, expected: bool, encrypted: bool) -> None:  # noqa: FBT001 - a table
    """Without encryption this machine alone."""
    assert may_be_asked(address, encrypted=encrypted) is expected
