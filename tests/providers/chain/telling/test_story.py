"""Each turn of an outage is one line, with why, since when, and what is served meanwhile."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from observability import notes
from providers.chain.breaker_state import BreakerState
from providers.chain.errors import BreakerOpen, CutShort
from providers.chain.telling.backlog import DRAINED, LONG_BACKLOG, LONG_WAIT_SECONDS, Backlog
from providers.chain.telling.damping import MOST_LINES, STEADY_SECONDS
from providers.chain.telling.lines import Lines
from providers.chain.telling.party import LOST_FAILURES, LOST_SECONDS
from providers.chain.telling.reads import MOVED_READS
from providers.errors import MemoryNotFound, Misconfigured, ProviderError, Throttled, TimedOut, Unavailable
from providers.journal.base import JournalUnavailable
from tests.providers.chain.telling.teller import Teller

OPEN, HALF_OPEN, CLOSED = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED
LOST_JOURNAL = JournalUnavailable.outcome


@pytest.fixture
def teller() -> Iterator[Teller]:
    """A story that has just begun."""
    with capture_logs() as logs:
        yield Teller(logs)


def test_a_provider_is_lost_and_answers_again(teller: Teller) -> None:
    """Since the first failure, with its reason, and with who serves instead."""
    teller.fail(LOST_FAILURES)
    lost = teller.last()
    teller.clock.pass_by(9.8)
    teller.answer()

    assert lost == {
        "event": "provider_lost",
        "log_level": "warning",
        "provider": "home",
        "reason": "connection refused",
        "since": "2027-01-15T08:16:40.000000Z",
        "seconds": 0.2,
        "reads": "standby",
        "writes": "accepted",
    }
    assert teller.last() == {
        "event": "provider_answers_again",
        "log_level": "info",
        "provider": "home",
        "since": "2027-01-15T08:16:40.000000Z",
        "seconds": 10.1,
        "reads": "home",
        "writes": "stored",
    }
    assert len(teller.events) == 2


@pytest.mark.parametrize(
    ("failures", "every", "lost"),
    [
        (LOST_FAILURES - 1, 0.1, False),
        (LOST_FAILURES, 0.1, True),
        (2, LOST_SECONDS - 0.01, False),
        (2, LOST_SECONDS, True),
    ],
)
def test_a_hiccup_is_no_loss(teller: Teller, failures: int, every: float, lost: bool) -> None:  # noqa: FBT001 - what is expected
    """It takes some failures in a row, or two that lie apart."""
    teller.fail(failures, every=every)

    assert teller.events == ["provider_lost"] * lost


def test_failures_with_answers_between_them_are_no_loss(teller: Teller) -> None:
    """An answer is one too where nothing was found."""
    for _ in range(10):
        teller.fail(LOST_FAILURES - 1)
        teller.answer(error=MemoryNotFound("m"))

    assert teller.events == []


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (Unavailable("down"), True),
        (Misconfigured("wrong password"), True),
        (TimedOut("slow"), False),
        (Throttled("busy"), False),
        (CutShort("too little time"), False),
        (BreakerOpen("left alone"), False),
    ],
)
def test_not_every_failure_is_a_loss(teller: Teller, error: ProviderError, lost: bool) -> None:  # noqa: FBT001 - what is expected
    """Of what may be the request's own fault the breaker decides, and a refusal of ours says nothing."""
    teller.fail(10, error)

    assert teller.events == ["provider_lost"] * lost


def test_a_breaker_that_opens_is_a_loss_too(teller: Teller) -> None:
    """First that, then the breaker, with the same reason; when it closes the provider answers again first."""
    teller.fail(2, TimedOut("slow"), every=2.0)
    teller.breaker(OPEN, "recall: too many timeouts")
    lost, opened = teller.logs[-2:]
    teller.clock.pass_by(5.0)
    teller.breaker(HALF_OPEN, "the pause is over")
    teller.breaker(CLOSED, "a probe succeeded")

    assert teller.events == [
        "provider_lost",
        "breaker_opened",
        "breaker_half_open",
        "provider_answers_again",
        "breaker_closed",
    ]
    assert (lost["reason"], lost["seconds"]) == ("recall: too many timeouts", 4.0)
    assert (opened["reason"], opened["openings"], opened["reads"]) == ("recall: too many timeouts", 1, "standby")
    assert (teller.last()["reason"], teller.last()["seconds"], teller.last()["openings"]) == (
        "a probe succeeded",
        5.0,
        1,
    )


def test_a_long_outage_is_told_ever_more_rarely(teller: Teller) -> None:
    """A day in which the breaker opens every minute is some twenty lines."""
    for _ in range(24 * 60):
        teller.breaker(OPEN)
        teller.clock.pass_by(60.0)
        teller.breaker(HALF_OPEN)
        teller.look()

    opened = [line["openings"] for line in teller.logs if line["event"] == "breaker_opened"]
    assert opened == [2**n for n in range(11)]
    assert len(teller.events) == 1 + 2 * 11


def test_a_new_outage_begins_to_count_anew(teller: Teller) -> None:
    """The breaker that has been closed opens for the first time."""
    for _ in range(2):
        teller.breaker(OPEN)
        teller.breaker(HALF_OPEN)
        teller.breaker(OPEN)
        teller.breaker(CLOSED)

    assert [line["openings"] for line in teller.logs if line["event"] == "breaker_opened"] == [1, 2, 1, 2]


def test_what_an_operator_does_is_not_told_twice(teller: Teller) -> None:
    """It has a line of its own, with the name of the operator; but what serves meanwhile is known."""
    teller.breaker(BreakerState.FORCED_OPEN)
    teller.fail(LOST_FAILURES, provider="standby")
    assert (teller.last()["reads"], teller.last()["writes"]) == (None, "accepted")

    teller.breaker(CLOSED, "released by an operator")
    assert teller.events == ["provider_lost"]


def test_a_breaker_that_was_replaced_is_closed(teller: Teller) -> None:
    """A provider with other settings has a new one, that says nothing of the former."""
    teller.breaker(OPEN)
    teller.states["home"] = CLOSED
    teller.look()

    assert teller.events[-1] == "breaker_closed"


def test_flapping_does_not_flood(teller: Teller) -> None:
    """A provider that comes and goes for five minutes is told until one knows it, and when it is steady."""
    for _ in range(300):
        teller.fail(LOST_FAILURES)
        teller.answer()
        teller.clock.pass_by(0.7)
    assert len(teller.events) == MOST_LINES

    for _ in range(int(STEADY_SECONDS) + 2):
        teller.clock.pass_by(1.0)
        teller.look()
    assert len(teller.events) == MOST_LINES + 1
    assert (teller.last()["event"], teller.last()["changes"]) == ("provider_answers_again", 600 - MOST_LINES)


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
    teller.breaker(OPEN)
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
    for pending in (2_000, 5_000, 20_000, 20_001, 150_000, 200_011, 50, 50):
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
    backlog = Backlog("home", Lines(teller.clock))
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
        Lines(wall=wall).reads_moved("standby", "home", "timeout", 0.0, 1)

    assert (len(logs), seen, notes.current.get()) == (1, [None], request)
    notes.current.reset(token)


@pytest.mark.parametrize(("failing", "writes"), [("home", "refused"), ("standby", "stored")])
def test_without_a_journal_a_lost_home_takes_nothing(failing: str, writes: str) -> None:
    """There is nowhere to keep it."""
    with capture_logs() as logs:
        teller = Teller(logs, journalled=False)
        teller.routed("home", "standby", complete=("home",), journalled=False)
        teller.fail(LOST_FAILURES, provider=failing)

    assert teller.last()["writes"] == writes
