"""The database files: created in one step, and refused if another major version of PostgreSQL wrote them."""

import shutil
from collections.abc import Callable
from pathlib import Path

from providers.native.embedded.binaries import server_version
from providers.native.embedded.errors import FolderUnusable, OtherMajorVersion, ServerFailed
from providers.native.embedded.folder import private_folder, synced
from providers.native.embedded.os_user import OsUser
from providers.native.embedded.processes import end_of_output, run

OWNER = "ninai"  # a superuser, which makes the schema
APPLICATION = "ninai_app"  # owns nothing, and is held by row-level security

DRAFT = "data.new"  # beside `data`, until it is complete

_FIRST_WITH_BUILTIN_LOCALE = 17


def ensure_cluster(binaries: Path, folder: Path, os_user: OsUser, wanted: Callable[[], bool] = lambda: True) -> Path:
    """Return the data folder in `folder`; create it if there is none or a crash left half of one.

    Creating ends soon with an error when the cluster is not `wanted` any more.
    """
    data = folder / "data"
    major = server_version(binaries).split(".")[0]
    if (mark := data / "PG_VERSION").exists():
        if (found := mark.read_text().strip()) != major:
            raise OtherMajorVersion(data, found, major)
        return data
    if data.exists():
        raise FolderUnusable(f"{data} is no database of PostgreSQL: move it away, or pass another --data-dir")
    fresh = folder / DRAFT
    _initialise(binaries, fresh, os_user, int(major), wanted)
    fresh.rename(data)
    synced(folder)
    return data


def _initialise(binaries: Path, fresh: Path, os_user: OsUser, major: int, wanted: Callable[[], bool]) -> None:
    # Sorting is by code point and the same on every system. Character classes come from the C library where it has
    # C.UTF-8, because with plain C the full-text parser takes typographic quotes and dashes for letters.
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= _FIRST_WITH_BUILTIN_LOCALE else []
    command: list[str | Path] = [binaries / "initdb", "-D", fresh, "-A", "trust", "-U", OWNER, "-E", "UTF8", "-k"]
    output = ""
    for locale in ("C.UTF-8", "C"):
        if fresh.exists():
            shutil.rmtree(fresh)
        private_folder(fresh, os_user)
        status, output = run([*command, *builtin, f"--locale={locale}"], os_user, cwd=fresh.parent, wanted=wanted)
        if status == 0:
            return
        if "invalid locale" not in output:
            break
    raise ServerFailed(f"PostgreSQL could not set up {fresh.parent}: {end_of_output(output)}")
