"""A round trip finds out a provider that answers wrongly, and cleans up after itself."""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from app.cli.provider_test import Step, report_of, trial_of
from app.cli.round_trip import RoundTrip
from observability.secret import Secret
from providers.answers import Erased, Fetched, Found
from providers.errors import TimedOut
from providers.examination.check import Check
from providers.examination.outcome import CheckFailed
from providers.mem0.settings import Mem0Settings
from providers.memory.provider import MockMemoryProvider
from providers.memory.settings import MockSettings
from providers.owners import Owner
from tests.app.cli.trying import CANARY
from tests.support.frail import FrailProvider


def forgetful() -> FrailProvider:
    """It answers, but not what it should: it finds nothing, and has a bug."""
    provider = FrailProvider()
    provider.failures["identity"] = RuntimeError(CANARY)
    provider.instead["find"] = _answering(Found(memories=[]))
    return provider


def undeleting() -> FrailProvider:
    """It says that it deletes, and does not."""
    provider = FrailProvider()
    provider.instead["erase"] = _answering(Erased(count=1))
    return provider


def inferring() -> FrailProvider:
    """It gives something else than it was given."""

    async def fetch(provider: FrailProvider, owner: Owner, memory_id: str) -> Fetched:
        fetched = await MockMemoryProvider.fetch(provider, owner, memory_id)
        return Fetched(memory=replace(fetched.memory, content="inferred", metadata=None))

    provider = FrailProvider()
    provider.instead["fetch"] = fetch
    return provider


def unanswering() -> FrailProvider:
    """It takes a memory and does not say what became of it."""
    provider = FrailProvider()
    provider.failures["store_many"] = TimedOut("no answer", ambiguous=True)
    return provider


async def steps_of(trip: RoundTrip, provider: FrailProvider) -> list[Step]:
    """Take a provider through a round trip, and return its steps."""
    trial = trial_of(MockSettings())
    await trip.make(provider, trial)
    return report_of("mock", MockSettings(), trip, trial).steps


def _answering(answer: object) -> Callable[..., Awaitable[object]]:
    async def answering(*_arguments: object) -> object:
        return answer

    return answering


async def test_a_wrong_answer_and_a_bug_are_failures() -> None:
    """An answer without the memory is `wrong`; of a bug only the kind is told."""
    trip, provider = RoundTrip(), forgetful()
    steps = await steps_of(trip, provider)

    failed = {step.operation: (step.outcome, step.error) for step in steps if step.outcome != "ok"}
    assert failed == {
        "recall": ("wrong", "the memory was not found"),
        "recall updated": ("wrong", "the memory was not found"),
        "recall_many": ("wrong", "a memory of the batch was not found"),
        "identity": ("bug", "not an error that a provider may raise: RuntimeError"),
    }
    assert (trip.left_behind, await provider.list_memories(trip.user)) == (None, [])


async def test_a_deletion_is_not_believed() -> None:
    """What is still there after it was deleted is told."""
    trip = RoundTrip()
    steps = await steps_of(trip, undeleting())

    assert steps[-1].error == "the memory was deleted, but is there"
    assert trip.left_behind == "memories are still listed after they were deleted"


async def test_what_is_inferred_need_not_be_the_same() -> None:
    """A provider that keeps what a language model makes of a text is not held to the text."""
    verbatim = await steps_of(RoundTrip(), inferring())
    inferred = await steps_of(RoundTrip(verbatim=False), inferring())

    assert [step.error for step in verbatim if step.error] == ["the content is not what was stored"]
    assert {step.outcome for step in inferred} == {"ok"}


async def test_what_may_still_be_inferred_is_told() -> None:
    """Without an answer nobody knows what a language model makes of a text; what is stored as it is stays deleted."""
    verbatim, inferring = RoundTrip(), RoundTrip(verbatim=False)
    for trip in (verbatim, inferring):
        await steps_of(trip, unanswering())

    assert verbatim.left_behind is None
    assert inferring.left_behind == "a language model may still be at work on what was sent"


async def test_an_error_that_quotes_a_secret_is_masked() -> None:
    """Nor does it command the terminal."""

    async def quoting() -> None:
        raise CheckFailed(f"key {CANARY} \x1b[2J http://u:p@h/", outcome="bug")

    settings = Mem0Settings(api_key=Secret(CANARY))
    trial = trial_of(settings)
    await trial.make(Check("get", quoting))

    told = report_of("mem0", settings, RoundTrip(), trial)

    assert told.steps[0].error == "key ******** \\x1b[2J http://********@h/"
