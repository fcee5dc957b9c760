"""A host is backed up while its service runs, lost, and restored: nobody is told that nothing was lost."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.native.embedded import EmbeddedServer
from providers.native.embedded.base_backup import check_copy, copy_server
from providers.native.embedded.errors import BaseBackupDamaged
from tests.faults.test_stores_change import calling, complete, listed, new_store, remember
from tests.support.postgres import reachable_folder
from tests.support.service import Service, ninai, running_service

_UNSURE = {"memory-degraded": "restored", "memory-consistency": "eventual"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the service and its backups."""
    with reachable_folder() as made:
        yield made


def embedded(*names: str) -> dict[str, str]:
    """Return the variables of embedded servers without vectors, in this order."""
    kinds = {f"NINAI__PROVIDERS__{name.upper()}__KIND": "native" for name in names}
    return kinds | {f"NINAI__PROVIDERS__{name.upper()}__EMBEDDER__KIND": "none" for name in names}


def command(folder: Path, *arguments: str | Path, **variables: str) -> str:
    """Run a command on the data folder, and return what it has printed."""
    done = ninai(*arguments, "--data-dir", folder / "data", **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def caught(service: Service) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield what the service answers first, and how sure it is."""
    with calling(service) as http:
        found, headers = listed(http)
        yield found, {name: headers.get(name, "") for name in _UNSURE}


@pytest.mark.thorough
@pytest.mark.parametrize("standby", ["embedded", "elsewhere"])
async def test_a_restored_host_says_so(postgres_server: EmbeddedServer, folder: Path, standby: str) -> None:
    """It has what was acknowledged before the backup, and what a standby that was not lost knows better."""
    variables = embedded("native", "second") | {"NINAI__ORDER": "native,second"}
    if standby == "elsewhere":
        variables["NINAI__PROVIDERS__SECOND__DSN"] = await new_store(postgres_server)
    with running_service(folder, variables) as service, calling(service) as http:
        await complete(service, "native", "second")
        [deleted, _] = remember(http, "deleted after the backup", "kept")
        made = await asyncio.to_thread(command, folder, "backup", folder / "copy", **variables)
        remember(http, "after the backup")
        assert http.delete(f"/memory/memories/{deleted}").status_code == 200
        await complete(service, "native", "second")
        service.kill_everything()
    shutil.rmtree(folder / "data")

    told = await asyncio.to_thread(command, folder, "restore", folder / "copy", **variables)
    with running_service(folder, variables) as service:
        with caught(service) as (_, sure):
            pass
        await complete(service, "native", "second")
        with calling(service) as http:
            after, headers = listed(http)
        metrics = service.metrics()
        occupied = await asyncio.to_thread(
            ninai, "restore", folder / "copy", "--data-dir", folder / "data", **variables
        )

    lost = standby == "embedded"
    assert ("not in it: providers.second (native)" in made) is not lost
    assert "start the service: `ninai providers --watch`" in told
    assert sure == _UNSURE
    assert after == (["deleted after the backup", "kept"] if lost else ["after the backup", "kept"])
    assert headers["memory-consistency"] == "strong"
    assert 'ninai_store_events_total{event="rolled_back",provider="native"} 1.0' in metrics
    assert (occupied.returncode, "a service runs on" in occupied.stderr) == (1, True)


@pytest.mark.thorough
def test_a_host_is_backed_up_while_no_service_runs(folder: Path) -> None:
    """The command runs the server itself; what the single provider holds is the same afterwards, in another folder."""
    variables = embedded("native") | {"NINAI__JOURNAL__KIND": "sqlite"}
    with running_service(folder, variables) as service, calling(service) as http:
        remember(http, "kept")
        service.terminate()

    command(folder, "backup", folder / "copy", **variables)
    verified = ninai("backup", "verify", folder / "copy")
    (folder / "other").mkdir()
    command(folder / "other", "restore", folder / "copy", **variables)
    with running_service(folder / "other", variables) as service, caught(service) as (found, sure):
        pass

    assert (verified.returncode, verified.stdout.splitlines()[1]) == (
        0,
        "holds the embedded server of native, the journal, and files of the service",
    )
    assert (found, sure) == (["kept"], _UNSURE)


@pytest.mark.thorough
def test_a_copy_of_a_server_that_lacks_a_page_is_found_out(folder: Path) -> None:
    """PostgreSQL's own list is compared with what is in the archive, whatever the checksums of the backup say."""
    with EmbeddedServer(folder / "postgres").running() as server:
        copy_server(server.folder, folder / "copy")
        copy_server(server.folder, folder / "other")
    (folder / "other" / "base.tar.gz").replace(folder / "copy" / "base.tar.gz")

    with pytest.raises(BaseBackupDamaged, match="is not as it was"):
        check_copy(folder / "copy")
