"""The file in the data folder that keeps erasures where there is no journal."""

import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from providers.chain.opening import ErasureSpec
from providers.chain.policy import ErasurePolicy
from providers.journal.base import Journal

FILE = "erasures.sqlite3"


def erasure_file(data_dir: Path, policy: ErasurePolicy = ErasurePolicy()) -> ErasureSpec:  # noqa: B008 - a frozen value
    """Return how the file is opened, which is created with the first erasure."""
    path = data_dir / FILE

    def opened() -> AbstractAsyncContextManager[Journal]:
        from providers.journal.sqlite.opening import open_journal

        return open_journal(path, time.time)

    return ErasureSpec(opened=opened, exists=path.exists, policy=policy)
