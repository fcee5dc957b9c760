"""How many clients may connect, and how slow they may be."""

import pytest

from app.settings import ConfigError, load
from app.settings.model import ServerSettings


def test_the_defaults_suit_a_proxy() -> None:
    """One in front has a thousand connections, and does not take all of them."""
    server = load(None, {}).settings.server

    assert (server.connections, server.connections_per_peer) == (10_000, 1_000)
    assert (server.header_timeout, server.body_timeout, server.answer_timeout) == (20.0, 10.0, 10.0)


@pytest.mark.parametrize("name", ["connections", "connections_per_peer"])
@pytest.mark.parametrize(("value", "taken"), [("0", False), ("1", True), ("1000000", True), ("1000001", False)])
def test_a_number_of_connections_has_limits(name: str, value: str, *, taken: bool) -> None:
    """None at all would be no service."""
    assert is_taken(name, value) is taken


@pytest.mark.parametrize("name", ["header_timeout", "body_timeout", "answer_timeout"])
@pytest.mark.parametrize(("value", "taken"), [("0.4", False), ("0.5", True), ("600", True), ("601", False)])
def test_a_timeout_has_limits(name: str, value: str, *, taken: bool) -> None:
    """In seconds."""
    assert is_taken(name, value) is taken


def is_taken(name: str, value: str) -> bool:
    """Whether a setting takes a value."""
    try:
        server = load(None, {f"NINAI__SERVER__{name.upper()}": value}).settings.server
    except ConfigError:
        return False
    assert isinstance(server, ServerSettings)
    assert getattr(server, name) == float(value)
    return True


@pytest.mark.parametrize(
    ("least", "most", "taken"), [(10, 10, True), (11, 10, False), (0, 10, False), (1, 100_001, False)]
)
def test_the_limit_of_admission_has_bounds(least: int, most: int, *, taken: bool) -> None:
    """A range without a number in it is none."""
    variables = {"NINAI__SERVER__ADMISSION__MIN_LIMIT": str(least), "NINAI__SERVER__ADMISSION__MAX_LIMIT": str(most)}
    try:
        admission = load(None, variables).settings.server.admission
    except ConfigError:
        assert not taken
    else:
        assert taken
        assert (admission.min_limit, admission.max_limit) == (least, most)
