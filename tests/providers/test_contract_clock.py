"""What every provider promises of times: they are those of the system clock, however far ahead versions are."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from providers.base import MemoryProvider
from providers.states.clock import COUNTER_BITS, wall_clock_ms

TWO_DAYS_MS = 2 * 86_400_000
MOST = timedelta(minutes=1)  # between a call and its end


def far_ahead() -> int:
    """A version minted by a host whose clock is wrong."""
    return (wall_clock_ms() + TWO_DAYS_MS) << COUNTER_BITS


def is_now(moment: datetime | None) -> bool:
    """Whether something has just happened then."""
    return moment is not None and abs(moment - datetime.now(UTC)) < MOST


async def test_a_memory_is_dated_by_the_system_clock(provider: MemoryProvider, user: str) -> None:
    """Its version tells nobody when it was made, or edited."""
    memory_id = await provider.remember(user, "tea", version=far_ahead())
    assert is_now((await provider.get(user, memory_id)).created_at)

    assert is_now((await provider.update(user, memory_id, content="coffee", version=far_ahead() + 1)).updated_at)
    assert is_now((await provider.update(user, memory_id, content="milk")).updated_at)
    assert is_now((await provider.get(user, memory_id)).updated_at)


async def test_a_memory_from_a_wrong_clock_dates_no_other(provider: MemoryProvider, user: str) -> None:
    """Whoever edits and deletes it goes on in its own time: the next memory, and its id, are of today."""
    edited = await provider.remember(user, "tea", memory_id=str(uuid4()), version=far_ahead())
    deleted = await provider.remember(user, "tea", memory_id=str(uuid4()), version=far_ahead())
    await provider.update(user, edited, content="coffee")
    await provider.delete(user, deleted)

    next_id = await provider.remember(user, "water")

    assert is_now((await provider.get(user, next_id)).created_at)
    assert abs((UUID(next_id).int >> 80) - wall_clock_ms()) < MOST / timedelta(milliseconds=1)


async def test_a_moment_that_is_given_is_kept(provider: MemoryProvider, user: str) -> None:
    """Who asks again, or asks another provider, says when it was."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)

    memory_id = await provider.remember(user, "tea", version=far_ahead(), created_at=moment)

    assert (await provider.get(user, memory_id)).created_at == moment
