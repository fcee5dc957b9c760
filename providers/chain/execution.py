"""One operation of a caller while it runs: its route, its deadline, and the facts that its answer will carry."""

from collections.abc import Iterable, Sequence
from typing import Self, TypedDict, TypeVar

from providers.answers import Written
from providers.chain.deadline import Deadline
from providers.chain.route import Route
from providers.errors import ProviderError

Error = TypeVar("Error", bound=ProviderError)

RESTORED = "restored"  # why answers are degraded while the provider that gives them has been rolled back
JOURNAL = "journal"  # the provider of an answer for which no provider had to be asked


class AnswerFacts(TypedDict):
    """The facts that every answer carries; see `Answer`."""

    provider: str | None
    degraded: tuple[str, ...]
    eventual: bool


class WriteFacts(AnswerFacts):
    """The additional facts that the answer to a write carries; see `Written`."""

    confirmed: bool
    session: str | None


class Execution:
    """The facts about an operation, collected while it runs by the parts of the chain.

    `accepted` are the places of the writes that are durable in the journal alone.

    As a context it attaches the facts to every error of a provider that leaves it, because a refusal is an answer, too.
    """

    __slots__ = (
        "_accepted_why",
        "_confirming",
        "accepted",
        "deadline",
        "degraded",
        "eventual",
        "provider",
        "route",
        "session",
    )

    def __init__(self, route: Route, deadline: Deadline) -> None:
        self.route = route
        self.deadline = deadline
        self.provider: str | None = None
        self.degraded: list[str] = [RESTORED] if route.is_restored else []
        self.eventual = route.is_restored
        self.session: str | None = None
        self.accepted: set[int] = set()
        self._accepted_why: set[str] = set()
        self._confirming: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if isinstance(error, ProviderError):
            self.refusal(error)

    def refusal(self, error: Error) -> Error:
        """Attach the facts to an error, and return it; a write may be in the journal although home refused it."""
        error.answer = Written(**self.write_facts)
        return error

    def degrade(self, reason: str) -> None:
        """Add a reason why the answer is degraded."""
        if reason not in self.degraded:
            self.degraded.append(reason)

    def accept(self, reason: str, places: Iterable[int]) -> None:
        """Record that the writes in these places of a request are durable in the journal alone, and why."""
        if self.confirmed:
            self._confirming = self.provider
        self.degrade(reason)
        self._accepted_why.add(reason)
        self.accepted.update(places)
        self.provider = JOURNAL

    @property
    def confirmed(self) -> bool:
        """Whether home has confirmed every write."""
        return not self.accepted

    def answered(self, provider: str, degraded: Sequence[str] = (), *, eventual: bool = False) -> None:
        """Record the provider that answered, why its answer is degraded, and whether it may lack writes."""
        self.provider = provider
        self.eventual = self.eventual or eventual
        for reason in degraded:
            self.degrade(reason)

    @property
    def facts(self) -> AnswerFacts:
        """The facts that the answer carries."""
        return AnswerFacts(provider=self.provider, degraded=tuple(self.degraded), eventual=self.eventual)

    @property
    def write_facts(self) -> WriteFacts:
        """The facts that the answer to a write carries."""
        return WriteFacts(
            provider=self.provider,
            degraded=tuple(self.degraded),
            eventual=self.eventual,
            confirmed=self.confirmed,
            session=self.session,
        )

    def write_facts_of(self, place: int) -> WriteFacts:
        """Return the facts that the answer to one of many writes carries: others of them may not be confirmed."""
        if self.confirmed or place in self.accepted:
            return self.write_facts
        return WriteFacts(
            provider=self._confirming,
            degraded=tuple(reason for reason in self.degraded if reason not in self._accepted_why),
            eventual=self.eventual,
            confirmed=True,
            session=self.session,
        )
