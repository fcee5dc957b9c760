"""The journal as an operator sees it, and the control of its dead letters."""

from collections.abc import Sequence

import structlog
from msgspec import Struct, structs

from app.admin.loss import loss_of
from app.http.operator_schemas import DeadLettersResponse, DiscardResponse, JournalResponse, RetryResponse
from app.http.problems import DEAD_LETTER_NOT_FOUND, NO_JOURNAL, RequestError
from providers.errors import InvalidInput
from providers.journal.base import Journal
from providers.journal.operations import DeadLetter

_log = structlog.get_logger(__name__)


class JournalService(Struct, frozen=True):
    """Serve the requests of `operator`, the id of a key, about a journal; all raise `RequestError` without one."""

    journal: Journal | None
    operator: str

    async def status(self) -> JournalResponse:
        """Return the journal's id and its numbers."""
        journal = self._journal()
        return JournalResponse(id=journal.id, **structs.asdict(await journal.status()))

    async def dead(self, limit: int, after: int) -> DeadLettersResponse:
        """Return the dead letters of up to `limit` operations after `after`, oldest first."""
        letters = await self._journal().dead(limit, after=after)
        return DeadLettersResponse(letters, len(letters), _next_after(letters, limit))

    async def retry(self, seq: int, provider: str) -> RetryResponse:
        """Make a dead letter due at once.

        Raises:
            RequestError: there is none.
        """
        letter = await self._letter(seq, provider)
        if not await self._journal().retry(seq, provider):
            raise _no_letter(seq, provider)
        _log.warning("dead_letter_retried", **_log_fields(letter), operator=self.operator)
        return RetryResponse(seq, provider)

    async def discard(self, seq: int, provider: str, *, confirmed: bool) -> DiscardResponse:
        """Discard a dead letter for good.

        Raises:
            RequestError: there is none.
            InvalidInput: it was not confirmed; the reason says what would be lost.
        """
        letter = await self._letter(seq, provider)
        if not confirmed:
            raise InvalidInput("confirm", f"must be true, since this {loss_of(letter)}")
        if not await self._journal().discard(seq, provider):
            raise _no_letter(seq, provider)
        _log.warning("dead_letter_discarded", **_log_fields(letter), operator=self.operator)
        return DiscardResponse(seq, provider)

    def _journal(self) -> Journal:
        if self.journal is None:
            raise RequestError(NO_JOURNAL, "A single provider needs none, and journal.kind requests none")
        return self.journal

    async def _letter(self, seq: int, provider: str) -> DeadLetter:
        # Looked up by its number alone: the provider in the path may be a text that no journal can hold.
        letters = await self._journal().dead(1, after=seq - 1)
        found = next((letter for letter in letters if (letter.seq, letter.provider) == (seq, provider)), None)
        if found is None:
            raise _no_letter(seq, provider)
        return found


def _next_after(letters: Sequence[DeadLetter], limit: int) -> int | None:
    """Return where the next page begins; a page is full with `limit` operations, each with all of its letters."""
    return letters[-1].seq if len({letter.seq for letter in letters}) == limit else None


def _no_letter(seq: int, provider: str) -> RequestError:
    return RequestError(DEAD_LETTER_NOT_FOUND, f"Operation {seq} has no dead letter for {provider[:100]!r}")


def _log_fields(letter: DeadLetter) -> dict[str, str | int]:
    return {
        "provider": letter.provider,
        "seq": letter.seq,
        "kind": letter.kind.value,
        "memory_id": letter.memory_id,
        "error": letter.error,
    }
