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
    """Configure whether it is written down who did what to whose memories, see `deploy/docs/accountability.md`.

    `path` is the folder of the files, by default one in the data folder. A file of more than `file_mb` is followed by
    another one, and the oldest are removed where all together have more than `total_mb`. Every entry is sent to
    `syslog` as well.
    """

    enabled: bool = False
    path: Path | None = None
    file_mb: Annotated[int, Meta(ge=1, le=1_024)] = 64
    total_mb: Annotated[int, Meta(ge=2, le=MOST_MB)] = 4_096
    syslog: SyslogAddress = None

    def __post_init__(self) -> None:
        """Refuse a total that has no room for two files: one is written while the other is read."""
        if self.total_mb < 2 * self.file_mb:
            raise ValueError("total_mb must be at least twice file_mb")

    def folder(self, data_dir: Path) -> Path:
        """Return the folder of the files."""
        return self.path or data_dir / FOLDER
