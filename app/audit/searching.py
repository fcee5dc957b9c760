"""Search of audit files: the requests that meet every condition given, oldest first."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from app.audit.chain import BrokenLine, read_line
from app.audit.entries import AuditEntry
from app.audit.files import files_in


class AuditSearch(Struct, frozen=True, kw_only=True):
    """Hold the conditions; None means any. `refused` asks for what was answered with 400 and above."""

    caller: str | None = None
    user: str | None = None
    tenant: str | None = None
    operation: str | None = None
    memory: str | None = None
    client: str | None = None
    request: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    refused: bool = False

    def meets(self, entry: AuditEntry) -> bool:
        """Return whether an entry meets all conditions."""
        at = datetime.fromisoformat(entry.at)
        owners = entry.owners
        return (
            entry.kind == "request"
            and self.caller in {None, entry.caller}
            and self.client in {None, entry.client}
            and self.request in {None, entry.request}
            and (self.memory is None or self.memory.lower() in entry.memories)
            and (self.user is None or any(owner.user == self.user for owner in owners))
            and (self.tenant is None or any(owner.tenant == self.tenant for owner in owners))
            and (self.operation is None or any(deed.operation == self.operation for deed in entry.deeds))
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and (not self.refused or _went_wrong(entry))
        )


def search(folder: Path, wanted: AuditSearch) -> Iterator[AuditEntry]:
    """Yield what is found, chain by chain; raise `OSError` if a file cannot be read."""
    for file in files_in(folder):
        with file.path.open("rb") as lines:
            for line in lines:
                with suppress(BrokenLine):  # told by `ninai audit verify`
                    entry = read_line(line)[0]
                    if wanted.meets(entry):
                        yield entry


def _went_wrong(entry: AuditEntry) -> bool:
    return entry.refused is not None or (entry.status or 0) >= 400  # noqa: PLR2004 - where HTTP's errors begin
