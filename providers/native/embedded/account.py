"""The ordinary user PostgreSQL runs as: it refuses to be root, so a service started by root takes another account."""

import os
import pwd
import subprocess
from pathlib import Path

from msgspec import Struct

from providers.native.embedded.errors import EmbeddedServerError

# Asks the kernel, folder by folder, because mode bits alone do not tell: access lists and mount options count too.
_FIRST_CLOSED = 'for folder; do cd -- "$folder" 2>/dev/null || { printf %s "$folder"; exit 0; }; done'

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Account(Struct, frozen=True, kw_only=True):
    """Who owns the data and runs the server; `switched` when that is not the user of this process."""

    uid: int
    gid: int
    name: str
    switched: bool

    @property
    def user(self) -> int | None:
        """The user id a child has to take on, None to stay as we are."""
        return self.uid if self.switched else None

    @property
    def group(self) -> int | None:
        """The group id a child has to take on, None to stay as we are."""
        return self.gid if self.switched else None

    @property
    def extra_groups(self) -> list[int] | None:
        """The further groups of a child: none at all once it has switched, so that it keeps nothing of root's."""
        return [] if self.switched else None


def account_for(folder: Path) -> Account:
    """The account for the data in `folder`: ourselves, or for root the data's owner, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), name=_name(os.geteuid()), switched=False)
    # A folder keeps its owner: the account must not change because a later system has another list of accounts.
    for path in (folder / "data", folder):
        if path.exists() and (owner := path.stat()).st_uid != 0:
            return Account(uid=owner.st_uid, gid=owner.st_gid, name=_name(owner.st_uid), switched=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=name, switched=True)
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root and there is no account postgres or nobody: run as an ordinary user"
    )


def unreachable_parent(folder: Path, account: Account | None = None) -> Path | None:
    """The first existing folder on the way to `folder` that the account may not enter, None if the way is open."""
    account = account or account_for(folder)
    way = [str(parent) for parent in reversed(folder.resolve().parents) if os.path.exists(parent)]  # noqa: PTH110 - a closed folder is no error
    found = subprocess.run(  # noqa: S603 - a constant program; the folders are its arguments
        ["/bin/sh", "-c", _FIRST_CLOSED, "sh", *way],
        cwd="/",
        env=ENVIRONMENT,
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Path(os.fsdecode(found.stdout)) if found.stdout else None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
