"""Routes: who may answer, who is home, and who is in the order at all."""

from providers.chain.link import Link
from providers.chain.route import Route
from tests.support.chain_rig import link_of
from tests.support.clock import FakeClock
from tests.support.frail import FrailProvider

CLOCK = FakeClock()
FIRST, SECOND, THIRD = (link_of(name, FrailProvider(CLOCK), CLOCK) for name in ("first", "second", "third"))


def _names(links: tuple[Link, ...]) -> list[str]:
    return [link.name for link in links]


def test_who_is_complete_may_answer() -> None:
    """In the configured order."""
    route = Route((FIRST, SECOND, THIRD), frozenset({"third", "second"}))

    assert _names(route.readers) == ["second", "third"]


def test_the_first_complete_one_is_home() -> None:
    """Whoever stands before it."""
    assert Route((FIRST, SECOND), frozenset({"second"})).home is SECOND


def test_while_nobody_is_complete_nobody_is_home() -> None:
    """A member out of the order does not count."""
    assert Route((FIRST,), frozenset({"elsewhere"})).home is None


def test_a_provider_alone_may_answer() -> None:
    """If it is complete."""
    route = Route((FIRST, SECOND, THIRD), frozenset({"first", "second"}))

    assert [_names(route.only(name).readers) for name in ("second", "third")] == [["second"], []]


def test_by_a_guess_nobody_is_certain() -> None:
    """On the route of those whom the journal has answered there is neither home nor anybody to read from."""
    known, presumed = (Route((FIRST, SECOND), frozenset({"first"}), presumed=guess) for guess in (False, True))

    assert (known.verified.home, presumed.home, presumed.only("first").verified.home) == (FIRST, FIRST, None)


def test_a_link_is_found_by_its_name() -> None:
    """None is not in the order."""
    route = Route((FIRST, SECOND), frozenset())

    assert (route.link("second"), route.link("third")) == (SECOND, None)
