"""The check of the vector sets of a server: the provider itself does without them, and says nothing."""

from functools import partial

from providers.examination.check import Check, Subject
from providers.examination.outcome import CheckOutcome, ok, warning
from providers.keyed.recall import MOST_RANKED
from providers.kind import ProviderKind
from providers.redis.provider import RedisMemoryProvider

_ADVICE = "run Redis 8 or newer, and let the user of the service use VADD, VREM and VSIM, or do without"


def vector_sets_check(settings: ProviderKind, subject: Subject) -> Check:
    """Return the check whether the server has vector sets, and lets us use them."""
    at = subject.at
    return Check(f"{at}.vector_sets", partial(_vector_sets, settings, subject), _ADVICE, (f"{at}.health",))


async def _vector_sets(settings: ProviderKind, subject: Subject) -> CheckOutcome:
    async with settings.opened_to_look(subject.host) as provider:
        if isinstance(provider, RedisMemoryProvider) and await provider.parts.sets.look():
            return ok("the server has them")
    found = f"there are none: of a user with more than {MOST_RANKED:,} memories vectors count only for the newest"
    return warning(found, _ADVICE)
