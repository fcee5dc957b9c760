"""Contradictions are logged at once, and then no more often than once a minute."""

from providers.chain.reporting.contradictions import REPORTED_EVERY_SECONDS
from tests.providers.chain.reporting.teller import Teller


def test_the_first_is_logged_at_once_and_the_others_are_counted(teller: Teller) -> None:
    """Each provider by itself; one that comes back begins anew."""
    teller.story.contradicted("home")
    first = teller.last()
    for _ in range(5):
        teller.story.contradicted("home")
    teller.story.contradicted("standby")
    other = teller.last()
    teller.clock.pass_by(REPORTED_EVERY_SECONDS - 0.01)
    teller.story.contradicted("home")
    quiet = len(teller.events)
    teller.clock.pass_by(0.01)
    teller.story.contradicted("home")

    line = {"event": "provider_contradicted", "log_level": "warning"}
    assert (first, other) == (line | {"provider": "home", "count": 1}, line | {"provider": "standby", "count": 1})
    assert (quiet, teller.last()) == (2, line | {"provider": "home", "count": 7})
    teller.routed("standby")
    teller.routed("home", "standby")
    teller.story.contradicted("home")
    assert teller.last() == first
