"""An embedder that says how long it wants to be left alone is asked by nobody meanwhile."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from structlog.testing import capture_logs

from observability.metrics import Metrics
from providers.embedders.base import OUT_OF_QUOTA, PAUSED, THROTTLED, Embedder, EmbedderUnavailable, Vector
from providers.embedders.cooldown import LONGEST_COOLDOWN, QUOTA_COOLDOWN, Cooldown
from providers.embedders.guarded import FIRST_PAUSE, GuardedEmbedder
from providers.embedders.openai import OpenAIEmbedder
from providers.embedders.settings import OpenAIEmbedderSettings
from tests.support.clock import FakeClock
from tests.support.native import HashingEmbedder
from tests.support.openai_server import Behaviour, OpenAIServer

PATIENCE = 30.0  # seconds
MARGIN = 300.0  # seconds that a date may lose on its way through a busy machine


class Asking(Embedder):
    """Asks to be left alone as long as it holds an error, and counts how often it was asked."""

    model = "test/asking"

    def __init__(self) -> None:
        self.error: EmbedderUnavailable | None = None
        self.asked = 0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse, or embed."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        return await HashingEmbedder().embed(texts)


class Scene:
    """Two guards of one embedder, as requests and background have them, in simulated time."""

    def __init__(self, chance: float = 0.0) -> None:
        self.clock = FakeClock()
        self.embedder = Asking()
        silence = Cooldown(self.embedder.model, self.clock, lambda: chance)
        self.requests, self.background = (
            GuardedEmbedder(self.embedder, PATIENCE, self.clock, lambda: chance, cooldown=silence) for _ in range(2)
        )

    def ask_for(self, seconds: float | None, outcome: str = THROTTLED) -> None:
        """Have the embedder refuse from now on."""
        self.embedder.error = EmbedderUnavailable("refused", outcome=outcome, retry_after=seconds, advice="pay")

    async def seconds_until_asked(self, guard: GuardedEmbedder) -> float:
        """How long it takes until a guard passes a call on again."""
        start, asked = self.clock.now, self.embedder.asked
        while True:
            await outcome_of(guard)
            if self.embedder.asked > asked:
                return self.clock.now - start
            self.clock.now += 0.5


async def outcome_of(embedder: Embedder) -> str:
    """How a call ends."""
    try:
        await embedder.embed(["tea"])
    except EmbedderUnavailable as error:
        return error.outcome
    return "ok"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (7.0, 7.0),
        (LONGEST_COOLDOWN, LONGEST_COOLDOWN),
        (LONGEST_COOLDOWN + 1, LONGEST_COOLDOWN),
        (86_400, LONGEST_COOLDOWN),
    ],
)
async def test_nobody_asks_for_as_long_as_it_said(said: float, kept: float) -> None:
    """Neither who was told nor the other; a wait beyond the bound is cut to it."""
    for teller in ("requests", "background"):
        scene = Scene()
        scene.ask_for(said)
        guards = [scene.requests, scene.background]
        assert await outcome_of(getattr(scene, teller)) == THROTTLED

        assert [await outcome_of(guard) for guard in guards] == [PAUSED, PAUSED]
        scene.clock.now += kept - 0.01
        assert [await outcome_of(guard) for guard in guards] == [PAUSED, PAUSED]
        assert scene.embedder.asked == 1
        scene.embedder.error = None
        scene.clock.now += 0.02
        assert [await outcome_of(guard) for guard in guards] == ["ok", "ok"]


async def test_a_paused_call_tells_how_long_it_will_be() -> None:
    """So that the background need not look again every second."""
    scene = Scene()
    scene.ask_for(120.0)
    await outcome_of(scene.requests)
    scene.clock.now += 20

    with pytest.raises(EmbedderUnavailable) as caught:
        await scene.background.embed(["tea"])

    assert caught.value.retry_after == pytest.approx(100.0)


async def test_the_silence_is_never_shorter_than_asked_for_and_is_spread() -> None:
    """Replicas come back at different moments, all of them after it."""
    shortest, longest = Scene(0.0), Scene(1.0)
    for scene in (shortest, longest):
        scene.ask_for(100.0)
        await outcome_of(scene.requests)

    assert await shortest.seconds_until_asked(shortest.background) == 100.0
    assert await longest.seconds_until_asked(longest.background) == 110.0


async def test_an_earlier_answer_makes_it_no_shorter() -> None:
    """Of several answers the one that asks for most counts, in whatever order they come."""
    scene = Scene()
    scene.ask_for(60.0)
    await outcome_of(scene.requests)
    silence = scene.requests._cooldown  # noqa: SLF001 - two calls under way at once would take a server to time them

    silence.heed(EmbedderUnavailable("late", outcome=THROTTLED, retry_after=5.0))
    silence.succeeded()

    assert silence.left == 60.0


async def test_repeated_waits_do_not_grow() -> None:
    """The server knows better than a doubling: each wait is as long as it says."""
    scene = Scene()
    scene.ask_for(3.0)
    await outcome_of(scene.requests)

    assert [await scene.seconds_until_asked(scene.requests) for _ in range(6)] == [3.0] * 6


@pytest.mark.parametrize("said", [None, 0.0, 0.001])
async def test_a_wait_that_is_none_is_a_failure_like_others(said: float | None) -> None:
    """Who is told nothing, or next to nothing, pauses all the same."""
    scene = Scene(1.0)
    scene.ask_for(said)
    await outcome_of(scene.requests)

    assert await scene.seconds_until_asked(scene.requests) == FIRST_PAUSE


async def test_without_quota_it_is_asked_every_few_minutes_and_told_once() -> None:
    """Until it embeds again, which is told too; then the next time is told anew."""
    scene = Scene()
    scene.ask_for(1.0, OUT_OF_QUOTA)
    with capture_logs() as logs:
        await outcome_of(scene.requests)
        waits = [await scene.seconds_until_asked(guard) for guard in (scene.background, scene.requests) * 2]
        scene.embedder.error = None
        scene.clock.now += QUOTA_COOLDOWN
        assert [await outcome_of(guard) for guard in (scene.background, scene.requests)] == ["ok", "ok"]
        scene.ask_for(None, OUT_OF_QUOTA)
        await outcome_of(scene.requests)

    assert waits == [QUOTA_COOLDOWN] * 4
    assert QUOTA_COOLDOWN > LONGEST_COOLDOWN
    assert [(log["event"], log["log_level"], log.get("advice")) for log in logs] == [
        ("embedder_out_of_quota", "error", "pay"),
        ("embedder_has_quota_again", "info", None),
        ("embedder_out_of_quota", "error", "pay"),
    ]


def date_in(seconds: float) -> str:
    """An HTTP date so far from now."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [429, 503, 500])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "7.66"}, 7.66),
        ({"Retry-After": "date"}, 500.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5),
        ({"retry-after-ms": "soon", "Retry-After": "2"}, 2.0),
        ({"Retry-After": "999999"}, LONGEST_COOLDOWN),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_what_a_server_asks_for_is_read(
    server: OpenAIServer, metrics: Metrics, status: int, headers: dict[str, str], seconds: float | None
) -> None:
    """In seconds, as a date, or in milliseconds, which are more exact; by the real client, which waits for nothing."""
    margin = MARGIN if "date" in headers.values() else 0.0
    headers = {name: date_in(500.0) if value == "date" else value for name, value in headers.items()}
    await server.become(Behaviour.STATUS, status=status, headers=headers)

    error = await refusal_of(server, metrics)

    assert error.retry_after == (seconds if seconds is None else pytest.approx(seconds, abs=margin))
    assert (error.retry_after is None) == (seconds is None)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "insufficient_quota"), (429, "billing_not_active"), (400, "billing_hard_limit_reached"), (402, None)],
)
async def test_an_account_without_quota_is_told_apart(
    server: OpenAIServer, metrics: Metrics, status: int, code: str | None
) -> None:
    """By the code of the error, whatever the status; what to do is said."""
    await server.become(Behaviour.STATUS, status=status, code=code, headers={"Retry-After": "1"})

    error = await refusal_of(server, metrics)

    assert error.outcome == OUT_OF_QUOTA
    assert "no quota left" in error.reason
    assert "pay the bill" in str(error.advice)
    assert len(server.requests) == 1


async def test_a_rate_limit_is_no_lack_of_quota(server: OpenAIServer, metrics: Metrics) -> None:
    """The same status with another code passes by itself."""
    await server.become(Behaviour.STATUS, status=429, code="rate_limit_exceeded")

    assert (await refusal_of(server, metrics)).outcome == THROTTLED


async def refusal_of(server: OpenAIServer, metrics: Metrics) -> EmbedderUnavailable:
    """How a call of the real client fails, at once."""
    settings = OpenAIEmbedderSettings(base_url=server.base_url, timeout=PATIENCE)
    async with OpenAIEmbedder.connect(settings, metrics) as embedder:
        with pytest.raises(EmbedderUnavailable) as caught:
            await embedder.embed(["tea"])
    return caught.value


async def test_a_real_server_is_left_alone_and_asked_again(server: OpenAIServer, metrics: Metrics) -> None:
    """From its 429 until its own moment no request reaches it; then one does, and is answered."""
    await server.become(Behaviour.STATUS, status=429, headers={"Retry-After": "7"})
    settings, clock = OpenAIEmbedderSettings(base_url=server.base_url, timeout=PATIENCE), FakeClock()
    async with OpenAIEmbedder.connect(settings, metrics) as embedder:
        silence = Cooldown(embedder.model, clock, lambda: 0.0)
        guards = [GuardedEmbedder(embedder, PATIENCE, clock, cooldown=silence) for _ in range(2)]
        assert await outcome_of(guards[0]) == THROTTLED
        await server.become(Behaviour.OK)
        clock.pass_by(6.99)
        assert [await outcome_of(guard) for guard in guards] == [PAUSED, PAUSED]
        assert len(server.requests) == 1
        clock.pass_by(0.02)
        assert [await outcome_of(guard) for guard in guards] == ["ok", "ok"]
