"""What serves while something is lost, and what waits for it, is told once for each turn."""

import pytest
from structlog.testing import capture_logs

from observability import notes
from providers.chain.breaker_state import BreakerState
from providers.chain.reporting.backlog import DRAINED, LONG_BACKLOG, LONG_WAIT_SECONDS, BacklogReport
from providers.chain.reporting.dependency import LOST_FAILURES
from providers.chain.reporting.events import MOST_DATES, LogEvents
from providers.chain.reporting.read_routing import MOVED_READS
from providers.journal.base import JournalUnavailable
from tests.providers.chain.reporting.teller import EPOCH, Teller

LOST_JOURNAL = JournalUnavailable.outcome


def test_reads_move_once_and_back_once(teller: Teller) -> None:
    """However many are answered elsewhere."""
    teller.fail(LOST_FAILURES)
    for _ in range(100):
        teller.story.read_by("standby", "home", "breaker_open")
    moved = teller.last()
    teller.clock.pass_by(20.0)
    teller.answer()
    for _ in range(100):
        teller.story.read_by("home", None, "")

    assert teller.events == ["provider_lost", "reads_moved", "provider_answers_again", "reads_moved_back"]
    assert (moved["provider"], moved["instead_of"], moved["reason"]) == ("standby", "home", "breaker_open")
    assert (teller.last()["provider"], teller.last()["instead_of"], teller.last()["seconds"]) == (
        "home",
        "standby",
        20.0,
    )


@pytest.mark.parametrize(("journalled", "writes"), [(False, "stored"), (True, "accepted")])
def test_who_answers_as_a_last_resort_serves(teller: Teller, journalled: bool, writes: str) -> None:  # noqa: FBT001 - what is expected
    """Its breaker is open until it has been asked, and yet reads are answered; writes do not wait for it."""
    teller.routed("home", journalled=journalled)
    teller.breaker(BreakerState.OPEN)
    lost = teller.last()
    teller.answer()

    assert (lost["reads"], lost["writes"]) == (None, "accepted" if journalled else "refused")
    assert teller.last()["event"] == "provider_answers_again"
    assert (teller.last()["reads"], teller.last()["writes"]) == ("home", writes)


def test_whom_an_operator_keeps_away_serves_nobody(teller: Teller) -> None:
    """However well it is."""
    teller.fail(LOST_FAILURES, provider="standby")
    teller.breaker(BreakerState.FORCED_OPEN)
    teller.breaker(BreakerState.OPEN, provider="standby")

    assert teller.last()["reads"] is None


@pytest.mark.parametrize("reads", [MOVED_READS - 1, MOVED_READS])
def test_a_read_that_was_answered_elsewhere_is_no_move(teller: Teller, reads: int) -> None:
    """Unless home is lost, it takes some in a row."""
    for _ in range(reads):
        teller.story.read_by("standby", "home", "timeout")

    assert teller.events == ["reads_moved"] * (reads == MOVED_READS)


def test_a_page_that_goes_on_elsewhere_is_no_move(teller: Teller) -> None:
    """A list is gone on with where it was begun, without home having failed."""
    for _ in range(10):
        teller.story.read_by("standby", None, "")
        teller.story.read_by("home", "standby", "timeout")

    assert teller.events == []


def test_reads_move_when_home_counts_as_incomplete(teller: Teller) -> None:
    """And back when it has received everything."""
    teller.routed("home", "standby", complete=("standby",))
    moved = teller.last()
    teller.routed("home", "standby")

    assert (moved["provider"], moved["instead_of"]) == ("standby", "home")
    assert moved["reason"] == "home does not count as complete any more"
    assert teller.events == ["reads_moved", "reads_moved_back"]


def test_another_order_is_no_move(teller: Teller) -> None:
    """Whoever has chosen it knows, and has a line of its own."""
    teller.routed("standby", "home")
    teller.story.read_by("standby", None, "")

    assert teller.events == []


def test_a_read_that_began_with_another_order_is_no_move(teller: Teller) -> None:
    """Whoever answered it may have left meanwhile."""
    teller.routed("home")
    for _ in range(10):
        teller.story.read_by("standby", "home", "timeout")

    assert teller.events == []


def test_who_has_left_is_not_told_of(teller: Teller) -> None:
    """The last calls to one that is being closed may still fail."""
    teller.routed("standby")
    teller.fail(10)
    teller.breaker(BreakerState.OPEN)
    teller.story.reached("home")

    assert teller.events == []


def test_a_start_without_a_database_is_told(teller: Teller) -> None:
    """Which one, and who serves; and when it answers, asked beside the requests."""
    teller.routed("home", "standby", complete=("standby",))
    teller.story.not_reached("home", "connection refused")
    teller.story.not_reached("home", "connection refused")
    silent = teller.last()
    teller.clock.pass_by(30.0)
    teller.story.reached("home")
    again = teller.last()
    teller.routed("home", "standby")

    assert (silent["event"], silent["reason"], silent["reads"]) == (
        "provider_not_reached",
        "connection refused",
        "standby",
    )
    assert teller.events[1:] == ["provider_not_reached", "provider_answers_again", "reads_moved_back"]
    assert again["seconds"] == 30.0


def test_the_journal_is_lost_and_answers_again(teller: Teller) -> None:
    """No write is taken meanwhile."""
    for _ in range(LOST_FAILURES):
        teller.journal(LOST_JOURNAL)
    lost = teller.last()
    teller.journal("cancelled")
    teller.journal("ok")

    assert (lost["event"], lost["reads"], lost["writes"]) == ("journal_lost", "home", "refused")
    assert (teller.events, teller.last()["writes"]) == (["journal_lost", "journal_answers_again"], "stored")


def test_a_look_finds_a_lost_journal(teller: Teller) -> None:
    """Also where nobody writes."""
    for _ in range(2):
        teller.look(error="no such file")
        teller.clock.pass_by(5.0)
    assert teller.last()["reason"] == "no such file"

    teller.look()
    assert teller.events == ["journal_lost", "journal_answers_again"]


@pytest.mark.parametrize(("pending", "told"), [(LONG_BACKLOG, False), (LONG_BACKLOG + 1, True)])
def test_a_backlog_is_told_beyond_a_bound(teller: Teller, pending: int, told: bool) -> None:  # noqa: FBT001 - what is expected
    """And not before."""
    teller.look(home=pending)

    assert teller.events == ["backlog_grew"] * told


def test_a_backlog_is_told_once_until_it_has_drained(teller: Teller) -> None:
    """Again only at ten times as many; and drained is what one batch can take."""
    for pending in (2_000, 5_000, 20_000, 20_001, 150_000, 200_011, DRAINED + 1, 50, 50):
        teller.clock.pass_by(5.0)
        teller.look(standby=pending)

    told = [(line["event"], line["pending"]) for line in teller.logs if line["event"].startswith("backlog")]
    assert told == [
        ("backlog_grew", 2_000),
        ("backlog_grew", 20_001),
        ("backlog_grew", 200_011),
        ("backlog_drained", 50),
    ]


def test_what_has_waited_for_long_is_a_backlog(teller: Teller) -> None:
    """Also a single delivery."""
    backlog = BacklogReport("home", LogEvents(teller.clock))
    backlog.look(1, LONG_WAIT_SECONDS, "")
    assert teller.events == []

    backlog.look(1, LONG_WAIT_SECONDS + 1, "")
    backlog.look(DRAINED, 1.0, "")
    assert teller.events == ["backlog_grew", "backlog_drained"]


def test_a_line_is_of_no_request() -> None:
    """The one that has brought something to light has nothing to do with it, and keeps its id for its own lines."""
    seen: list[notes.Notes | None] = []

    def wall() -> float:
        """Be asked while a line is written."""
        seen.append(notes.current.get())
        return 0.0

    request = notes.Notes("the request")
    token = notes.current.set(request)
    with capture_logs() as logs:
        LogEvents(wall=wall).reads_moved("standby", "home", "timeout", 0.0, 1)

    assert (len(logs), seen, notes.current.get()) == (1, [None], request)
    notes.current.reset(token)


@pytest.mark.parametrize(("set_by", "dates"), [(0.000_002, 1), (-0.5, 1), (3600.0, 2)])
def test_a_moment_keeps_its_date(set_by: float, dates: int) -> None:
    """However the clocks run apart, one search finds all lines about it; only a clock that was set gives another."""
    wall, monotonic = [EPOCH + 7.3], [7.3]
    lines = LogEvents(lambda: monotonic[0], lambda: wall[0])
    with capture_logs() as logs:
        lines.reads_moved("standby", "home", "timeout", 7.1, 1)
        wall[0] += 10 + set_by
        monotonic[0] += 10
        lines.reads_moved_back("home", "standby", "well", 7.1, 1)

    assert len({line["since"] for line in logs}) == dates


@pytest.mark.parametrize(("others", "dates"), [(MOST_DATES - 1, 1), (MOST_DATES, 2)])
def test_so_many_moments_keep_their_dates(others: int, dates: int) -> None:
    """The oldest is forgotten first, and a line about it comes out all the same."""
    wall = [EPOCH]
    lines = LogEvents(lambda: 0.0, lambda: wall[0])
    with capture_logs() as logs:
        lines.reads_moved("standby", "home", "timeout", -0.5, 1)
        wall[0] += 0.000_002
        for moment in range(others):
            lines.reads_moved("standby", "home", "timeout", -1.0 - moment, 1)
        lines.reads_moved_back("home", "standby", "well", -0.5, 1)

    assert len({logs[0]["since"], logs[-1]["since"]}) == dates


@pytest.mark.parametrize(("failing", "writes"), [("home", "refused"), ("standby", "stored")])
def test_without_a_journal_a_lost_home_takes_nothing(failing: str, writes: str) -> None:
    """There is nowhere to keep it."""
    with capture_logs() as logs:
        teller = Teller(logs, journalled=False)
        teller.routed("home", "standby", complete=("home",), journalled=False)
        teller.fail(LOST_FAILURES, provider=failing)

    assert teller.last()["writes"] == writes
