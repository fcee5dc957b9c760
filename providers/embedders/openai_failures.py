"""The meaning of the OpenAI client's errors; servers are not quoted, since they may quote the text."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import openai

from providers.embedders.base import (
    MISCONFIGURED,
    OUT_OF_QUOTA,
    REJECTED,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
    EmbedderUnavailable,
)
from providers.embedders.cooldown import LONGEST_COOLDOWN
from providers.wire.retry_after import seconds_of

OUTCOMES = ("ok", UNAVAILABLE, TIMEOUT, THROTTLED, OUT_OF_QUOTA, MISCONFIGURED, REJECTED, "cancelled")
OUTCOME_OF_ERROR: dict[type[Exception], str] = {
    openai.OpenAIError: UNAVAILABLE,
    openai.APIError: UNAVAILABLE,
    openai.APIConnectionError: UNAVAILABLE,
    openai.APITimeoutError: TIMEOUT,
    openai.APIResponseValidationError: UNAVAILABLE,
    openai.APIStatusError: UNAVAILABLE,
    openai.BadRequestError: REJECTED,
    openai.AuthenticationError: MISCONFIGURED,
    openai.OAuthError: MISCONFIGURED,
    openai.PermissionDeniedError: MISCONFIGURED,
    openai.NotFoundError: MISCONFIGURED,
    openai.ConflictError: UNAVAILABLE,
    openai.UnprocessableEntityError: REJECTED,
    openai.RateLimitError: THROTTLED,
    openai.InternalServerError: UNAVAILABLE,
    openai.LengthFinishReasonError: UNAVAILABLE,
    openai.ContentFilterFinishReasonError: UNAVAILABLE,
    openai.InvalidWebhookSignatureError: UNAVAILABLE,
    openai.WebSocketConnectionClosedError: UNAVAILABLE,
    openai.WebSocketQueueFullError: UNAVAILABLE,
}

# Statuses for which openai has no class of its own; a redirect is never followed, so the base URL is wrong.
_WRONG_PLACE = dict.fromkeys((301, 302, 303, 307, 308, 405), MISCONFIGURED)
_OUTCOME_OF_STATUS = {**_WRONG_PLACE, 402: OUT_OF_QUOTA, 408: TIMEOUT, 413: REJECTED}

_TOO_LARGE = 413
_MAY_SAY_TOO_LONG = {400, _TOO_LARGE, 422, 500}  # the last from servers that run out of room for one text

# Codes and types of errors that end with a payment, not with time; some come with 429, some with 400.
_NO_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"}
_PAY = (
    "raise the limit or pay the bill of the account behind the API key, or configure another embedder; until then"
    " memories are found by their words, and what waits is embedded afterwards"
)

# How OpenAI, Azure, vLLM, llama.cpp, Ollama, Mistral, NIM and text-embeddings-inference say so.
_TOO_LONG = re.compile(
    r"context.?(length|size|window)|n_ctx|too (long|large|many tokens)|less than \d+ tokens|max\w* .{0,30}tokens?"
    r"|exceed.{0,60}(length|tokens?)|(length|tokens?).{0,60}exceed",
    re.IGNORECASE,
)
_ROOM = re.compile(r"(?:max|less than|limit|window|batch size)[^\d]{0,40}(\d{1,9})", re.IGNORECASE)
_NEEDED = re.compile(r"(?:requested|given|resulted in|has|input \()[^\d]{0,10}(\d{1,9}) *(?:tokens|$)", re.IGNORECASE)
_READ_CHARS = 2_000  # of a message, which may quote the text

# Tokens are not spread evenly over a text.
_CAUTION = 0.9


class TextRefused(EmbedderUnavailable):
    """The server answers, but refuses these texts.

    `too_long` if their length is the cause; `fits` is the share of a single text that would be taken, None if unknown.
    """

    def __init__(self, reason: str, *, too_long: bool = False, fits: float | None = None) -> None:
        super().__init__(reason, outcome=REJECTED)
        self.too_long = too_long
        self.fits = fits


@contextmanager
def translated(timeout: float) -> Iterator[None]:
    """Translate every error of the client to `EmbedderUnavailable`.

    Raises:
        TextRefused: the texts are the cause.
        EmbedderUnavailable: `outcome` is one of `OUTCOMES`.
    """
    try:
        yield
    except openai.APIStatusError as error:
        raise _failure_of(error) from error
    except tuple(OUTCOME_OF_ERROR) as error:
        reason = f"the embedding server could not be asked: {type(error).__name__}"
        raise EmbedderUnavailable(reason, outcome=_outcome_of(type(error))) from error
    except TimeoutError as error:
        raise EmbedderUnavailable(f"no answer within {timeout:g} s", outcome=TIMEOUT) from error


def _failure_of(error: openai.APIStatusError) -> EmbedderUnavailable:
    status, said = error.status_code, error.message[:_READ_CHARS]
    reason = f"the embedding server answered with status {status}"
    outcome = _OUTCOME_OF_STATUS.get(status) or _outcome_of(type(error))
    if outcome == OUT_OF_QUOTA or {error.code, error.type} & _NO_QUOTA:
        return EmbedderUnavailable(f"{reason}: the account has no quota left", outcome=OUT_OF_QUOTA, advice=_PAY)
    if status == _TOO_LARGE or (status in _MAY_SAY_TOO_LONG and _says_too_long(error.code, error.type, said)):
        return TextRefused(f"{reason}: the text is too long", too_long=True, fits=_fits(said))
    if outcome == REJECTED:
        return TextRefused(reason)
    wait = _wait(error.response.headers)
    if wait:
        reason += f", and asks to be left alone for {wait:g} s"
    return EmbedderUnavailable(reason, outcome=outcome, retry_after=wait)


def _wait(headers: Mapping[str, str]) -> float | None:
    """Return the wait in milliseconds, which only some servers send, or else the one in seconds."""
    wait = seconds_of(headers.get("retry-after-ms"), LONGEST_COOLDOWN * 1_000)
    return seconds_of(headers.get("retry-after"), LONGEST_COOLDOWN) if wait is None else wait / 1_000


def _says_too_long(*words: str | None) -> bool:
    return any(_TOO_LONG.search(word) for word in words if word)


def _fits(said: str) -> float | None:
    room, needed = _ROOM.search(said), _NEEDED.search(said)
    if room is None or needed is None or not 0 < int(room[1]) < int(needed[1]):
        return None
    return _CAUTION * int(room[1]) / int(needed[1])


def _outcome_of(kind: type[BaseException]) -> str:
    return next(OUTCOME_OF_ERROR[parent] for parent in kind.__mro__ if parent in OUTCOME_OF_ERROR)
