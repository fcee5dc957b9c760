"""More work than time: what can be done is done, the rest is refused at once, and nobody is lost."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.arrivals import LOST, Arrivals, Outcome, begin, outcome_of
from tests.faults.overload import (
    KEYS,
    MODEST,
    NOISY,
    RECALLS,
    USERS,
    WATCHING,
    batches,
    batches_arrive,
    capacity,
    fill,
    half_of_the_processors,
    metric,
    port_of,
)
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

TIMES = (1.0, 2.0, 5.0, 10.0)
SECONDS, WARM_UP = 15.0, 3.0
_SMALL = {
    "MEMORY_PROVIDER": "mock",
    "NINAI__SERVER__ADMISSION__MIN_LIMIT": "130",
    "NINAI__SERVER__ADMISSION__MAX_LIMIT": "130",
}
_EMPTY_BY = 20.0  # seconds

# Times as long as at half of what can be done, where hardly two are ever under way at once. Two have to be, lest there
# be a pause between one and the next, and take twice as long each; the rest is what the scheduler adds, and a third one
# that is admitted while the limit finds itself. With one processor the service and its database wait for each other.
_SLOWER, _SLOWER_BY_HALF = 4.0, 5.0
_REFUSED, _REFUSED_BY_HALF = 50.0, 100.0  # ms


def said(times: float, outcome: Outcome) -> str:
    """Describe an outcome in a line of the report."""
    return (
        f"{times:>5}x  sent {outcome.sent:>6}  goodput {outcome.goodput:7.1f}/s  served p50 {outcome.served_p50:7.1f}"
        f" p99 {outcome.served_p99:7.1f} ms  refused {outcome.refused:>6} p99 {outcome.refused_p99:6.1f} ms  generator:"
        f" {outcome.processor:.0%} of a processor, late p99 {outcome.late_p99:.1f} ms"
    )


def is_empty(service: Service, key: str | None = None) -> bool:
    """Return whether nothing is under way any more, as soon as that is so."""
    deadline = time.monotonic() + _EMPTY_BY
    while any(metric(service, f"ninai_admission_{places}", key) for places in ("used", "waiting")):
        if time.monotonic() > deadline:
            return False
    return True


@pytest.mark.thorough
def test_a_burst() -> None:
    """All are served or refused with the time to come back; each is counted, and nothing stays behind."""
    with reachable_folder() as folder, running_service(folder, _SMALL) as service:
        fill(service, USERS[:2], 100)
        load = Arrivals(
            port=port_of(service), rate=1_000.0, seconds=0.3, path=RECALLS, bodies=batches(), users=list(USERS[:2])
        )
        outcome = outcome_of(begin(load))
        shed = metric(service, "ninai_admission_shed_total", lane="callers")
        lines = [line for line in service.said().splitlines() if '"shed"' in line or "shed=" in line]

        assert outcome.sent == outcome.served + outcome.refused == 300
        assert outcome.served > 0
        assert outcome.refused > 0
        assert outcome.without_retry_after == 0
        assert shed == outcome.refused == len(lines)
        assert is_empty(service)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service as it comes, with memories."""
    with reachable_folder() as folder, running_service(folder) as running:
        fill(running)
        yield running


def _judge(service: Service, most: float, slower: float, refused: float) -> list[str]:
    """Return what is not as it should be at one, two, five and ten times of what can be done."""
    calm = batches_arrive(service, most / 2, SECONDS, WARM_UP)
    print(f"\ncapacity {most:.1f}/s\n{said(0.5, calm)}")
    wrong = []
    for times in TIMES:
        outcome = batches_arrive(service, most * times, SECONDS, WARM_UP)
        print(said(times, outcome))
        wanted = {
            "nobody is lost": outcome.statuses.get(str(LOST), 0) == 0,
            "each is served or refused": outcome.served + outcome.refused == outcome.sent,
            "all are told when to come back": outcome.without_retry_after == 0,
            "goodput >= 80 %": outcome.goodput >= 0.8 * most or times <= 1,
            "refusals are quick": outcome.refused_p99 < refused,
            "what is served is not slow": outcome.served_p99 <= slower * calm.served_p99,
        }
        wrong += [f"{times}x: {what}" for what, so in wanted.items() if not so]
    return wrong


@pytest.mark.soak
def test_up_to_ten_times_too_much(service: Service) -> None:
    """Goodput stays, refusals are quick, and what is served does not get slow."""
    wrong = _judge(service, capacity(service, 5), _SLOWER, _REFUSED)

    assert is_empty(service)
    assert wrong == []


@pytest.mark.soak
def test_with_half_of_the_processors(service: Service) -> None:
    """The same, by the measure of what is left."""
    with half_of_the_processors(service):
        wrong = _judge(service, capacity(service, 5), _SLOWER_BY_HALF, _REFUSED_BY_HALF)

    assert is_empty(service)
    assert wrong == []


@pytest.mark.soak
def test_half_of_the_processors_is_taken_away_during_a_run(service: Service) -> None:
    """The limit follows: goodput becomes what it is with half of them, under load all the time."""
    with half_of_the_processors(service):
        half = capacity(service, 5)
    whole = capacity(service, 5)
    load = Arrivals(
        port=port_of(service),
        rate=whole * 3,
        seconds=SECONDS,
        warm_up=SECONDS,
        path=RECALLS,
        bodies=batches(),
        users=list(USERS),
    )
    running = begin(load)
    time.sleep(SECONDS * 0.9)
    with half_of_the_processors(service):
        outcome = outcome_of(running)
    print(f"\ncapacity {whole:.1f}/s, then {half:.1f}/s\n{said(3, outcome)}")

    assert outcome.goodput >= 0.8 * half
    assert is_empty(service)


DEAR = {
    "batches": (RECALLS, batches()),
    "filters": (
        "/memory/recall",
        [
            '{"query": "tea", "where": {"op": "or", "any": ['
            + ", ".join(f'{{"op": "in", "field": "place{number}", "values": [1, 2, 3, 4, 5]}}' for number in range(30))
            + "]}}"
        ],
    ),
    "offsets": ("/memory/memories?limit=100&offset=9000", [""]),
}


@pytest.mark.soak
@pytest.mark.parametrize("kind", DEAR)
def test_a_noisy_neighbour(kind: str) -> None:
    """Beside a caller at full speed another one is served as quickly as it is alone, within 3x, and never refused."""
    path, bodies = DEAR[kind]
    with reachable_folder() as folder, running_service(folder, KEYS) as service:
        fill(service, ("noisy",), 10_000, NOISY)
        fill(service, ("modest",), 500, MODEST)
        asks = '{"query": "what did I drink"}'

        def modest() -> Outcome:
            load = Arrivals(
                port=port_of(service),
                rate=10.0,
                seconds=SECONDS,
                warm_up=WARM_UP,
                path="/memory/recall",
                bodies=[asks],
                users=["modest"],
                key=MODEST,
            )
            return outcome_of(begin(load))

        alone = modest()
        noise = begin(
            Arrivals(
                port=port_of(service),
                rate=100.0,
                seconds=SECONDS + WARM_UP + 4,
                path=path,
                bodies=bodies,
                users=["noisy"],
                key=NOISY,
            )
        )
        time.sleep(2)
        beside = modest()
        noisy = outcome_of(noise)
        print(f"\n{kind}: alone\n{said(0, alone)}\nbeside\n{said(0, beside)}\nthe noise\n{said(0, noisy)}")

        assert beside.refused == 0
        assert beside.served == beside.sent
        assert beside.served_p99 <= 3 * alone.served_p99
        assert is_empty(service, WATCHING)
