"""The health of the provider in memory."""

from providers.health import Health


class MockHealth(Health, frozen=True, kw_only=True):
    """Always healthy; `total_memories` counts the memories of all users."""

    total_memories: int
