"""The attempts of one call: what comes after each, without any waiting or sending of its own."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Generic

import httpx
import msgspec
from msgspec import Struct

from ninaivalaigal.calls import Call, T
from ninaivalaigal.errors import ClientError, NoAnswer, UnexpectedAnswer, refusal
from ninaivalaigal.values import Facts, ProblemDetails

# What may be otherwise the next time. Every call may be repeated: reads change nothing, and writes carry a key.
REPEATED = frozenset({429, 502, 503, 504})
_PROBLEM = "problem+json"
_QUOTED_CHARS = 200


class Retries(Struct, frozen=True):
    """How often a call is made at most, and how long the pauses are, in seconds.

    A pause doubles each time, and is drawn between nothing and that (full jitter). What the service says in
    `Retry-After` is waited for; if it is longer than `longest_pause`, the call fails at once.
    """

    attempts: int = 4
    first_pause: float = 0.2
    longest_pause: float = 10.0


class Attempts(Generic[T]):
    """The attempts of one call."""

    def __init__(self, call: Call[T], retries: Retries, chance: Callable[[], float]) -> None:
        self._call, self._retries, self._chance = call, retries, chance
        self._made = 0

    def pause_after(self, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """Count an attempt; return the seconds until the next one, None if its outcome is the last."""
        self._made += 1
        if self._made >= self._retries.attempts:
            return None
        asked = 0.0
        if isinstance(outcome, httpx.Response):
            if outcome.status_code not in REPEATED or self._is_answer(outcome):
                return None
            asked = retry_after(outcome) or 0.0
        if asked > self._retries.longest_pause:
            return None
        longest = min(self._retries.longest_pause, self._retries.first_pause * 2.0 ** (self._made - 1))
        return asked + self._chance() * longest

    def result(self, outcome: httpx.Response | httpx.TransportError) -> T:
        """Return the answer of the last attempt, or raise what it means."""
        try:
            return self._result(outcome)
        except ClientError as error:
            error.idempotency_key = self._call.idempotency_key
            raise

    def _result(self, outcome: httpx.Response | httpx.TransportError) -> T:
        if not isinstance(outcome, httpx.Response):
            raise NoAnswer(f"{type(outcome).__name__}: {outcome}") from outcome
        facts = self._facts(outcome)
        if not self._is_answer(outcome):
            raise refusal(_problem(outcome), facts, retry_after(outcome))
        try:
            answer = msgspec.json.decode(outcome.content, type=self._call.returns)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UnexpectedAnswer(f"{outcome.request.url} answered otherwise than documented: {error}") from error
        return msgspec.structs.replace(answer, facts=facts)

    def _is_answer(self, response: httpx.Response) -> bool:
        if response.is_success:
            return True
        told = _PROBLEM in response.headers.get("Content-Type", "")
        return response.status_code in self._call.answers_with and not told

    def _facts(self, response: httpx.Response) -> Facts:
        said = response.headers
        reasons = said.get("Memory-Degraded", "").split(",")
        return Facts(
            status=response.status_code,
            provider=said.get("Memory-Provider"),
            consistency=said.get("Memory-Consistency"),
            degraded=tuple(reason.strip() for reason in reasons if reason.strip()),
            memory_session=said.get("Memory-Session"),
            etag=said.get("ETag"),
            request_id=said.get("X-Request-ID"),
            attempts=self._made,
        )


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that an answer asks to wait, which it may say as a date."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment.tzinfo else None


def _problem(response: httpx.Response) -> ProblemDetails:
    """Return the problem of an answer; whatever stands between, such as a proxy, may have answered in its own words."""
    said = ProblemDetails(detail=response.text[:_QUOTED_CHARS])
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        said = msgspec.json.decode(response.content, type=ProblemDetails)
    return msgspec.structs.replace(said, status=response.status_code, title=said.title or response.reason_phrase)
