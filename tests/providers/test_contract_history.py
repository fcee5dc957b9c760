"""What every provider promises of the history of memories: it keeps one, or says that it does not."""

import pytest

from providers.base import MemoryProvider
from providers.errors import Unsupported
from providers.replica import Replica
from tests.providers.journal.rig import remember


async def test_a_store_without_history_refuses_superseded_versions(provider: MemoryProvider) -> None:
    """None of those that are configured keeps one so far."""
    assert isinstance(provider, Replica)
    assert not provider.keeps_history

    with pytest.raises(Unsupported):
        await provider.put_versions([remember().state])
