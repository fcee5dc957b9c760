"""What runs embedded servers beside a service follows the configuration."""

import time
from collections.abc import Callable
from pathlib import Path

from structlog.testing import capture_logs

from app.cli.databases import Databases
from app.reloading.source import Source
from app.settings import LoadedSettings, load

PATIENCE = 20.0  # seconds
WITH_A_BUG = "recall_limit = 13"


class Loading:
    """Reads a configuration file, and has a bug that one setting brings out."""

    def __init__(self, file: Path) -> None:
        self.limits: list[int] = []
        self._file = file
        self.write("recall_limit = 1")

    def __call__(self) -> LoadedSettings:
        """Read it."""
        if self._file.read_text().startswith(WITH_A_BUG):
            raise RuntimeError("a bug")
        loaded = load(self._file, environ={})
        self.limits.append(loaded.settings.recall_limit)
        return loaded

    def write(self, first: str) -> None:
        """Configure something else."""
        self._file.write_text(f'{first}\norder = ["a"]\nproviders.a.kind = "mock"\n')


def wait_until(truth: Callable[[], bool]) -> None:
    """Return as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.02)


def test_the_next_change_is_read_after_a_bug(tmp_path: Path) -> None:
    """A bug while the configuration is read is told with its traceback, and ends nothing."""
    loading = Loading(tmp_path / "ninai.toml")
    source = Source(loading)

    with capture_logs() as logs, Databases(source, source.read()).running():
        loading.write(WITH_A_BUG)
        wait_until(lambda: bool(logs))
        loading.write("recall_limit = 21")
        wait_until(lambda: loading.limits[-1] == 21)

    assert [(log["event"], log["log_level"], log["exc_info"]) for log in logs] == [
        ("configuration_failed", "error", True)
    ]
