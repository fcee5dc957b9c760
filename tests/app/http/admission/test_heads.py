"""What is read of a head: who asks, for whom, how long the body is."""

from collections.abc import Mapping

import pytest

from app.auth.anonymous import AnonymousAuthenticator
from app.auth.keys import hash_key, new_key
from app.http.admission.heads import Head, read_head
from app.settings.auth import KeySettings
from observability.http import Scope
from tests.support.known_keys import authenticating

KEY = new_key("test")
KEYS = authenticating({"agents": KeySettings(hash=hash_key(KEY))})
BEARER = (b"authorization", f"Bearer {KEY}".encode())


def scope_of(*headers: tuple[bytes, bytes], client: str = "192.0.2.7") -> Scope:
    """Return the scope of a request with these headers."""
    return {"headers": list(headers), "client": (client, 1)}


@pytest.mark.parametrize("headers", [[BEARER], [(b"x-api-key", KEY.encode())]])
def test_a_known_key_names_its_caller(headers: list[tuple[bytes, bytes]]) -> None:
    """As authentication will, by either header."""
    head = read_head(scope_of(*headers, (b"x-user-id", b"kannan")), KEYS.recognize)

    assert head == Head("agents", b"kannan", 0)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([(b"x-user-id", "用户1".encode())], b""),
        ([(b"x-user-id*", b"UTF-8''%E7%94%A8%E6%88%B71")], b""),
        ([], b"limit=1&user_id=%E7%94%A8%E6%88%B71"),
    ],
)
def test_a_user_is_the_same_wherever_it_is_named(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    """Fairness knows one user by one name."""
    scope: Scope = {**scope_of(*headers), "query_string": query}

    assert read_head(scope, KEYS.recognize).user == "用户1".encode()


def test_a_packed_body_is_taken_to_be_longer_than_it_is_announced() -> None:
    """What counts is what it will be."""
    packed = scope_of((b"content-encoding", b"gzip"), (b"content-length", b"1000"))

    assert read_head(packed, KEYS.recognize).length == 4_000


@pytest.mark.parametrize("header", [(b"authorization", b"Bearer made-up"), (b"authorization", b"\xff"), (b"x", b"y")])
def test_who_shows_no_known_key_is_its_address(header: tuple[bytes, bytes]) -> None:
    """Whatever it shows instead."""
    assert read_head(scope_of(header), KEYS.recognize).caller == "192.0.2.7"


@pytest.mark.parametrize(
    ("client", "caller"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::1:2", "2001:db8::/64"), ("::ffff:192.0.2.7", "192.0.2.7"), ("a", "a")],
)
def test_without_keys_callers_are_addresses(client: str, caller: str) -> None:
    """In IPv6 the customer's network."""
    assert read_head(scope_of(BEARER, client=client), AnonymousAuthenticator("demo").recognize).caller == caller


def test_a_client_without_an_address_is_a_caller() -> None:
    """As over a socket in the file system."""
    assert read_head({"headers": [], "client": None}, KEYS.recognize) == Head("", b"", 0)


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ([], 0),
        ([(b"content-length", b"17")], 17),
        ([(b"content-length", b"9" * 18)], 10**18 - 1),
        ([(b"content-length", b"9" * 19)], None),
        ([(b"content-length", b"-1")], None),
        ([(b"transfer-encoding", b"chunked")], None),
    ],
)
def test_the_length_of_a_body(headers: list[tuple[bytes, bytes]], length: int | None) -> None:
    """None is one that is not known, which is charged as the longest."""

    def nobody(_: Mapping[str, str], _scope: Scope) -> str | None:
        return None

    assert read_head(scope_of(*headers), nobody).length == length
