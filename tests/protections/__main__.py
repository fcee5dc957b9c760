"""Take each protection out of a copy of this checkout, and show which test goes red: `python -m tests.protections`.

Names as arguments choose some of them. It fails if one can be taken out without any test that notices.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.protections.protections import PROTECTIONS, Protection

ROOT = Path(__file__).resolve().parents[2]
_RED = 1  # pytest's exit code for tests that failed
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_WIDTH = 40


def main(names: list[str]) -> int:
    """Print a line for each protection; return how many no test has noticed."""
    unnoticed = 0
    with TemporaryDirectory() as folder:
        copy = _copied(Path(folder))
        for protection in PROTECTIONS:
            if not names or protection.name in names:
                red = red_without(protection, copy)
                unnoticed += red is None
                print(f"{protection.name:<{_WIDTH}}{red or 'NO TEST GOES RED'}", flush=True)  # noqa: T201 - a report
    return unnoticed


def red_without(protection: Protection, copy: Path) -> str | None:
    """Return the first test that fails in a copy without the protection, None if none does."""
    file = copy / protection.file
    whole = file.read_text("utf-8")
    file.write_text(protection.without(whole), "utf-8")
    try:
        ran = subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *protection.tests],
            cwd=copy,  # which comes before the checkout in the search for modules
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # noqa: TID251 - tests find their programs by it
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.write_text(whole, "utf-8")
    found = _FAILED.search(ran.stdout)
    return found[1] if ran.returncode == _RED and found else None


def _copied(folder: Path) -> Path:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 - git as it is installed
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
