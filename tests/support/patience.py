"""Patience enough for a machine that is busy with other tests: only what is about time may depend on it."""

from msgspec import structs

from app.settings import Settings
from providers.chain.policy import AttemptPolicy, OperationClass, OperationPolicy, ReplayPolicy

_ANY = OperationPolicy(deadline=30.0, try_limit=15.0)
PATIENT = AttemptPolicy(
    recall=_ANY, read=_ANY, remember=_ANY, delete=_ANY, replay=ReplayPolicy(deadline=30.0, try_limit=15.0)
)


def patient(settings: Settings) -> Settings:
    """Return settings that allow a provider without limits of its own so much time that load does not decide."""
    attempts = {name: settings.chain.attempts.get(name, PATIENT) for name in settings.providers}
    return structs.replace(settings, chain=structs.replace(settings.chain, attempts=attempts))


def patience_for(provider: str, deadline: float = 30.0, try_limit: float = 15.0) -> dict[str, str]:
    """Return the same limits as variables, or shorter ones for a provider that hangs in a test."""
    return {
        f"NINAI__CHAIN__ATTEMPTS__{provider.upper()}__{operation.upper()}__{limit}": str(seconds)
        for operation in OperationClass
        for limit, seconds in (("DEADLINE", deadline), ("TRY_LIMIT", try_limit))
    }
