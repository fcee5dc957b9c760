"""The settings of the audit."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

FOLDER = "audit"  # in the data folder
MOST_MB = 1_000_000

SyslogAddress = Annotated[
    Annotated[str, Meta(pattern=r"^(/[^\s]+|(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5})\Z")] | None,
    Meta(description="the path of a socket like /dev/log, or host:port for UDP"),
]


class AuditSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure whether it is written down who did what to whose memories, see `deploy/docs/accountability.md`."""

    enabled: bool = False
    """Whether it is written down who did what to whose memories. Enable it where you have to account for accesses."""
    path: Path | None = None
    """The folder of the audit's files, by default `audit` in the data folder. Change it to keep them on another disk.
    """
    file_mb: Annotated[int, Meta(ge=1, le=1_024)] = 64
    """The size, in MB, at which a file of the audit is followed by another one. Change it to fit what ships or archives
    the files.
    """
    total_mb: Annotated[int, Meta(ge=2, le=MOST_MB)] = 4_096
    """The size of all files together, in MB, beyond which the oldest are removed. Raise it to keep entries for longer.
    """
    syslog: SyslogAddress = None
    """A socket, or host:port by UDP, that receives every entry as well. Set it to have entries where nobody on this
    host can change them.
    """

    def __post_init__(self) -> None:
        """Refuse a total that has no room for two files: one is written while the other is read."""
        if self.total_mb < 2 * self.file_mb:
            raise ValueError("total_mb must be at least twice file_mb")

    def folder(self, data_dir: Path) -> Path:
        """Return the folder of the files."""
        return self.path or data_dir / FOLDER
