"""The checks of an embedder beside an index: the provider itself does without vectors, and says nothing."""

from functools import partial

from providers.embedders.trying import embedded_by
from providers.examination.check import Check, Subject
from providers.examination.outcome import CheckOutcome, ok
from providers.opensearch.options import OpenSearchOptions

_LOST = "without it memories are found by their words alone"


def embedder_check(options: OpenSearchOptions, subject: Subject) -> Check:
    """Return the check whether the embedder embeds within the time that a request waits for its vector."""
    place = f"{subject.at}.embedder"
    return Check(place, partial(_embedded, options, subject), f"look at {place}; {_LOST}")


def embedder_to_try(options: OpenSearchOptions, subject: Subject) -> Check:
    """Return the same as a step among the operations."""

    async def embed() -> None:
        await embedded_by(options.embedder, subject.host.metrics, options.embedding_patience)

    return Check("embed", embed, f"{subject.at}.embedder; {_LOST}")


async def _embedded(options: OpenSearchOptions, subject: Subject) -> CheckOutcome:
    made = await embedded_by(options.embedder, subject.host.metrics, options.embedding_patience)
    return ok(f"{made.model}: {made.dimensions} dimensions in {made.seconds * 1000:.1f} ms")
