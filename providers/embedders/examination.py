"""The checks of an embedder beside a store that does without vectors, and says nothing of it."""

from functools import partial
from typing import Protocol

from providers.embedders.options import EmbedderKind
from providers.embedders.trying import embedded_by
from providers.examination.check import Check, Subject
from providers.examination.outcome import CheckOutcome, ok

_LOST = "without it memories are found by their words alone"


class WithEmbedder(Protocol):
    """Settings with an embedder; `embedding_patience` is seconds that an operation waits for its vector."""

    @property
    def embedder(self) -> EmbedderKind:
        """The settings of the embedder."""

    @property
    def embedding_patience(self) -> float:
        """See above."""


def embedder_check(settings: WithEmbedder, subject: Subject) -> Check:
    """Return the check whether the embedder embeds within the time that a request waits for its vector."""
    place = f"{subject.at}.embedder"
    return Check(place, partial(_embedded, settings, subject), f"look at {place}; {_LOST}")


def embedder_to_try(settings: WithEmbedder, subject: Subject) -> Check:
    """Return the same as a step among the operations."""

    async def embed() -> None:
        await embedded_by(settings.embedder, subject.host.metrics, settings.embedding_patience)

    return Check("embed", embed, f"{subject.at}.embedder; {_LOST}")


async def _embedded(settings: WithEmbedder, subject: Subject) -> CheckOutcome:
    made = await embedded_by(settings.embedder, subject.host.metrics, settings.embedding_patience)
    return ok(f"{made.model}: {made.dimensions} dimensions in {made.seconds * 1000:.1f} ms")
