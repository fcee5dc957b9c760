"""The operating system's user that PostgreSQL runs as: never root, so a service of root switches to another one."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from providers.native.embedded.errors import EmbeddedServerError

# Asks the kernel, folder by folder, because mode bits alone do not decide: access lists and mount options count too.
_FIRST_CLOSED = 'for folder; do cd -- "$folder" 2>/dev/null || { printf %s "$folder"; exit 0; }; done'

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class OsUser(Struct, frozen=True, kw_only=True):
    """The user that owns the data and runs the server; `switched` if it is not the user of this process."""

    uid: int
    gid: int
    name: str
    switched: bool

    @property
    def user(self) -> int | None:
        """The user id that a child must take, None to keep that of this process."""
        return self.uid if self.switched else None

    @property
    def group(self) -> int | None:
        """The group id that a child must take, None to keep that of this process."""
        return self.gid if self.switched else None

    @property
    def extra_groups(self) -> list[int] | None:
        """The further groups of a child: none after a switch, so that it keeps no right of root."""
        return [] if self.switched else None


def own_user() -> OsUser:
    """Return the user of this process."""
    return OsUser(uid=os.geteuid(), gid=os.getegid(), name=_name(os.geteuid()), switched=False)


def os_user_for(folder: Path) -> OsUser:
    """Return the user for the data in `folder`: our own, or for root the data's owner, else `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return own_user()
    # A folder keeps its owner: the user must not change because a later system has other users.
    for path in (folder / "data", folder):
        if path.exists() and (owner := path.stat()).st_uid != 0:
            return OsUser(uid=owner.st_uid, gid=owner.st_gid, name=_name(owner.st_uid), switched=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(uid=entry.pw_uid, gid=entry.pw_gid, name=name, switched=True)
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root and there is no account postgres or nobody: run as an ordinary user"
    )


def unreachable_parent(folder: Path, os_user: OsUser | None = None) -> Path | None:
    """Return the first existing folder on the way to `folder` that the user may not enter, None if the way is open."""
    os_user = os_user or os_user_for(folder)
    way = [str(parent) for parent in reversed(folder.resolve().parents) if os.path.exists(parent)]  # noqa: PTH110 - a closed folder is no error
    found = run_script(_FIRST_CLOSED, way, os_user)
    found.check_returncode()
    return Path(os.fsdecode(found.stdout)) if found.stdout else None


def run_script(script: str, arguments: Sequence[str], os_user: OsUser) -> subprocess.CompletedProcess[bytes]:
    """Run a constant program of the shell as a user, who is thereby asked what is within reach."""
    return subprocess.run(  # noqa: S603 - a constant program, and its arguments
        ["/bin/sh", "-c", script, "sh", *arguments],
        cwd="/",
        env=ENVIRONMENT,
        user=os_user.user,
        group=os_user.group,
        extra_groups=os_user.extra_groups,
        stdout=subprocess.PIPE,
        check=False,
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
