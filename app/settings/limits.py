"""The settings of what answers may hold, and of how much callers, users and tenants may ask."""

from typing import Annotated

from msgspec import Meta, Struct

from observability.secret import Secret
from providers.answer_size import DEFAULT_ANSWER_BYTES

LEAST_ANSWER_BYTES = 1024 * 1024
MOST_ANSWER_BYTES = 1024 * 1024 * 1024
MOST_A_MINUTE = 1_000_000_000

AMinute = Annotated[Annotated[int, Meta(ge=1, le=MOST_A_MINUTE)] | None, Meta(description="a number, or nothing")]


class RateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how many requests, and memories that they store or change, are taken a minute; None for any number."""

    requests: AMinute = None
    memories: AMinute = None


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure the limits of answers, in bytes of JSON, and how much is taken of each key, user and tenant.

    The least answer has room for the largest memory there may be. `store` is a Redis in which several hosts count
    together.
    """

    max_answer_bytes: Annotated[int, Meta(ge=LEAST_ANSWER_BYTES, le=MOST_ANSWER_BYTES)] = DEFAULT_ANSWER_BYTES
    store: Secret | None = None
    key: RateSettings = RateSettings()
    user: RateSettings = RateSettings()
    tenant: RateSettings = RateSettings()
