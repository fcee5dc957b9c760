"""An application that keeps an audit, and what it has written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from litestar import Litestar

from app.audit.entries import AuditEntry
from app.audit.files import files_in
from app.audit.searching import AuditSearch, search
from tests.support.api import running_app

EVERYTHING = AuditSearch()


@asynccontextmanager
async def audited_app(folder: Path, **environ: str) -> AsyncIterator[Litestar]:
    """Yield an application over memory alone that writes its audit into a folder; all is written at the end."""
    settings = {"MEMORY_PROVIDER": "mock", "NINAI__AUDIT__ENABLED": "true", "NINAI__AUDIT__PATH": str(folder)}
    async with running_app({**settings, **environ}) as app:
        yield app


def entries(folder: Path, wanted: AuditSearch = EVERYTHING) -> list[AuditEntry]:
    """Return the requests in the files of a folder."""
    return list(search(folder, wanted))


def only_file(folder: Path) -> Path:
    """Return the one file of a folder."""
    [file] = files_in(folder)
    return file.path
