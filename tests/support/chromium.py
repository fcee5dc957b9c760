"""A real browser without a window: what it makes of a page, and what it complains of."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path")

_PATIENCE_MS = 12_000  # of the page's own time, which passes at once where nothing is waited for
_SECONDS = 60
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
)
_COMPLAINT = re.compile(r"^\[.*:CONSOLE.*?\] (.*)$", re.MULTILINE)


class Seen:
    """A page after its scripts have run; `complaints` is what stands in the console of the browser."""

    def __init__(self, dom: str, complaints: list[str]) -> None:
        self.dom = dom
        self.complaints = complaints


def browse(url: str, profile: Path) -> Seen:
    """Load a page, let its scripts run for some seconds, and return what became of it."""
    assert CHROMIUM is not None
    ended = subprocess.run(  # noqa: S603 - found on the path
        [
            CHROMIUM,
            *QUIET,
            f"--user-data-dir={profile}",
            f"--virtual-time-budget={_PATIENCE_MS}",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    return Seen(ended.stdout, _COMPLAINT.findall(ended.stderr))
