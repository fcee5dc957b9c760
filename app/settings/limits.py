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
    """Configure how many requests, and memories that they store or change, are taken a minute."""

    requests: AMinute = None
    """The requests that are taken a minute; without it any number. Set it where one caller could use up what others
    need.
    """
    memories: AMinute = None
    """The memories that may be stored or changed a minute; without it any number. Set it where batches make requests a
    poor measure.
    """


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure the limits of answers, and how much is taken of each key, user and tenant."""

    max_answer_bytes: Annotated[int, Meta(ge=LEAST_ANSWER_BYTES, le=MOST_ANSWER_BYTES)] = DEFAULT_ANSWER_BYTES
    """The size of an answer, in bytes of JSON; a list ends there with a cursor. Lower it for clients with little
    memory.
    """
    store: Secret | None = None
    """The URL of a Redis in which several hosts count limits and usage together. Set it where limits are for all hosts
    at once.
    """
    key: RateSettings = RateSettings()
    user: RateSettings = RateSettings()
    tenant: RateSettings = RateSettings()
