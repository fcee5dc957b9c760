"""One operation of a caller under way: the way that it takes, its deadline, and what its answer will say of itself."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypedDict

from providers.answers import Answer
from providers.chain.deadline import Deadline
from providers.chain.route import Route
from providers.errors import ProviderError

JOURNAL = "journal"  # who answered, where no provider had to be asked


class DatabaseFacts(TypedDict):
    """What every answer says of itself; see `Answer`."""

    provider: str | None
    degraded: tuple[str, ...]
    eventual: bool


class WriteFacts(DatabaseFacts):
    """What the answer to a write says in addition; see `Written`."""

    confirmed: bool
    session: str | None


class Execution:
    """What is found out about an operation while it lasts, by whichever part of the chain finds it out.

    As a context it gives every error of a provider that leaves it the answer's facts: a refusal is an answer, too.
    """

    __slots__ = ("confirmed", "deadline", "degraded", "eventual", "provider", "route", "session")

    def __init__(self, route: Route, deadline: Deadline) -> None:
        self.route = route
        self.deadline = deadline
        self.provider: str | None = None
        self.degraded: list[str] = []
        self.eventual = False
        self.confirmed = True
        self.session: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, ProviderError):
            error.answer = Answer(**self.facts)

    def degrade(self, reason: str) -> None:
        """Note why the answer is less than it could be."""
        if reason not in self.degraded:
            self.degraded.append(reason)

    def accept(self, reason: str) -> None:
        """Note that a write is durable in the journal alone, and why."""
        self.degrade(reason)
        self.confirmed = False
        self.provider = JOURNAL

    def answered(self, provider: str, degraded: Sequence[str] = ()) -> None:
        """Note which provider answered, and what it said of its answer."""
        self.provider = provider
        for reason in degraded:
            self.degrade(reason)

    @property
    def facts(self) -> DatabaseFacts:
        """What the answer says of itself."""
        return DatabaseFacts(provider=self.provider, degraded=tuple(self.degraded), eventual=self.eventual)

    @property
    def write_facts(self) -> WriteFacts:
        """What the answer to a write says of itself."""
        return WriteFacts(**self.facts, confirmed=self.confirmed, session=self.session)
