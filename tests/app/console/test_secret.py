"""The secret of the sessions: one for all processes of a data folder, or the configured one."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.console.secret import FILE_NAME, session_secret
from app.settings import Settings, load
from tests.support.following import listened


def settings_in(folder: Path, **variables: str) -> Settings:
    """The settings of a service with its data there."""
    return load(None, environ={"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": str(folder), **variables}).settings


def test_processes_that_begin_at_once_share_a_secret(tmp_path: Path) -> None:
    """The first one wins, whole, and nothing else is left in the folder."""
    settings = settings_in(tmp_path / "data")
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: session_secret(settings), range(32)))

    [file] = (tmp_path / "data").iterdir()
    assert len(secrets) == 1
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (FILE_NAME, 0o600)
    assert session_secret(settings_in(tmp_path / "other")) not in secrets


def test_replicas_share_the_configured_secret(tmp_path: Path) -> None:
    """Whatever their folders are; none is made for it."""
    variables = {"NINAI__ADMIN__SESSION_SECRET": "s" * 32}
    one, other = (session_secret(settings_in(tmp_path / name, **variables)) for name in ("one", "other"))

    assert one == other
    assert list(tmp_path.iterdir()) == []


def test_where_no_secret_can_be_kept_a_process_has_its_own(tmp_path: Path) -> None:
    """The console works all the same; the log says why its sessions hold nowhere else."""
    (tmp_path / "file").write_text("")
    settings = settings_in(tmp_path / "file" / "data")
    with listened() as events:
        secrets = {session_secret(settings) for _ in range(2)}

    assert len(secrets) == 2
    assert [(event["event"], event["reason"]) for event in events()] == [
        ("session_secret_not_kept", "Not a directory")
    ] * 2


def test_a_secret_that_is_too_short_is_not_used(tmp_path: Path) -> None:
    """An empty file would let everybody sign."""
    (tmp_path / FILE_NAME).write_bytes(b"")
    with listened() as events:
        secret = session_secret(settings_in(tmp_path))

    assert len(secret) == 32
    assert [event["reason"] for event in events()] == ["holds 0 bytes, and should hold 32: remove it"]
