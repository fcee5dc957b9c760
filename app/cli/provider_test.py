"""The test of one provider without the service: its round trip, and its report."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

from msgspec import Struct, structs

from app.cli.round_trip import BUG, OK, SKIPPED, RoundTrip, Step, Steps
from app.cli.tables import table
from app.settings.masking import mask_for
from providers.embedders.settings import NoEmbedderSettings
from providers.errors import InvalidInput, Misconfigured, Throttled, TimedOut, Unavailable
from providers.factory import MemoryProviderFactory, ProviderSettings
from providers.mem0.settings import Mem0Settings
from providers.native.settings import NativeSettings
from providers.replica import Replica
from providers.types import Host

OPEN, EMBED = "open", "embed"

_HEAD = ("operation", "outcome")


class Failure(Struct, frozen=True, kw_only=True):
    """An error, the operations that had it, and what an operator should look at."""

    operations: list[str]
    error: str
    advice: str


class ProviderTestReport(Struct, frozen=True, kw_only=True):
    """How a trial ended; `left_behind` is why memories of `user` are still there, None if there are none.

    `dialect` is what the provider speaks, where it speaks one and that is known.
    """

    provider: str
    kind: str
    ok: bool
    dialect: str | None
    steps: list[Step]
    failures: list[Failure]
    user: str
    left_behind: str | None


def infers(settings: ProviderSettings) -> bool:
    """Return whether a provider keeps something else than it is given."""
    return isinstance(settings, Mem0Settings) and settings.infer


async def tried(settings: ProviderSettings, host: Host, trip: RoundTrip, steps: Steps) -> None:
    """Open a provider, take it through the round trip, and close it."""
    if isinstance(settings, NativeSettings) and not isinstance(settings.embedder, NoEmbedderSettings):
        await steps.take(EMBED, _embedding(settings, host))
    async with AsyncExitStack() as stack:
        opened: list[Replica] = []

        async def enter() -> None:
            opened.append(await stack.enter_async_context(MemoryProviderFactory.create_provider(settings, host)))

        await steps.take(OPEN, enter)
        for provider in opened:
            await trip.make(provider, steps)


def _embedding(settings: NativeSettings, host: Host) -> Callable[[], Awaitable[object]]:
    """Test the embedder alone: when it fails, the provider stores without vectors, and reports no error."""
    from providers.embedders.guarded import GuardedEmbedder

    async def embed() -> None:
        async with settings.embedder.open(host.metrics) as embedder:
            if embedder is not None:
                await GuardedEmbedder(embedder, settings.embedding_patience).embed(["tea"])

    return embed


def report_of(name: str, settings: ProviderSettings, trip: RoundTrip, steps: Steps) -> ProviderTestReport:
    """Return the report of a test, without secrets."""
    masked = mask_for(settings)
    taken = [structs.replace(step, error=step.error and masked(step.error)) for step in steps.taken]
    return ProviderTestReport(
        provider=name,
        kind=str(type(settings).__struct_config__.tag),
        ok=trip.left_behind is None and all(step.outcome == OK for step in taken),
        dialect=trip.health.get("dialect"),
        steps=taken,
        failures=_failures(name, settings, taken),
        user=trip.user,
        left_behind=trip.left_behind and masked(trip.left_behind),
    )


def _failures(name: str, settings: ProviderSettings, steps: list[Step]) -> list[Failure]:
    """Return each error once, with the operations that had it."""
    by_error: dict[str, list[Step]] = {}
    for step in steps:
        if step.outcome not in {OK, SKIPPED}:
            by_error.setdefault(step.error or step.outcome, []).append(step)
    return [
        Failure(operations=[step.operation for step in alike], error=error, advice=_advice(name, settings, alike))
        for error, alike in by_error.items()
    ]


def _advice(name: str, settings: ProviderSettings, alike: list[Step]) -> str:
    """Return the advice for the most informative outcome: that of a health check is always the same."""
    if alike[0].operation == EMBED:
        return f"providers.{name}.embedder; without it memories are found by their words alone"
    outcome = next((step.outcome for step in alike if step.outcome != Unavailable.outcome), Unavailable.outcome)
    address, access, keeping = _places(name, settings)
    return {
        Misconfigured.outcome: access,
        TimedOut.outcome: f"the load there, the way there, and providers.{name}.timeout",
        Throttled.outcome: "what the account there is allowed",
        Unavailable.outcome: f"whether it runs and can be reached from here: {address}",
        InvalidInput.outcome: f"its log: it refuses what every provider takes; {access}",
        BUG: "the log above; please report it",
    }.get(outcome, keeping)


def _places(name: str, settings: ProviderSettings) -> tuple[str, str, str]:
    """Return where the address stands, what decides about access, and what to suspect if memories are not kept."""
    place = f"providers.{name}"
    keeping = "the backend itself: it does not keep what it is given"
    if isinstance(settings, Mem0Settings):
        address = f"{place}.base_url"
        if infers(settings):
            keeping = f"{place}.infer: the language model there may have kept nothing of the text"
        return address, f"{address}, .dialect, .api_key and .hmac_secret", keeping
    embedded = isinstance(settings, NativeSettings) and settings.dsn is None
    address = "`ninai db status`" if embedded else f"{place}.dsn"
    return address, f"{address} and `ninai db check {name}`", keeping


def in_words(report: ProviderTestReport) -> str:
    """Draw the table, with remarks below it."""
    return "\n".join([_table(report.steps), *_remarks(report)])


def _table(steps: list[Step]) -> str:
    spent = ["-" if step.milliseconds is None else f"{step.milliseconds:.1f}" for step in steps]
    width = max(len(text) for text in [*spent, "ms"])
    rows = [(step.operation, step.outcome, text.rjust(width)) for step, text in zip(steps, spent, strict=True)]
    return table((*_HEAD, "ms".rjust(width)), rows)


def _remarks(report: ProviderTestReport) -> Iterator[str]:
    """Return the remarks below the table."""
    if report.ok:
        yield f"{report.provider} does all that it should"
    if report.dialect is not None:
        yield f"{report.provider} speaks the dialect {report.dialect}"
    for failure in report.failures:
        yield f"{', '.join(failure.operations)}: {failure.error}"
        yield f"  look at {failure.advice}"
    yield remains(report)


def remains(report: ProviderTestReport) -> str:
    """Return whether anything of the user is still there."""
    if report.left_behind is None:
        return f"no memories of the user {report.user} are left at {report.provider}"
    return f"memories of the user {report.user} may be left at {report.provider}: {report.left_behind}"
