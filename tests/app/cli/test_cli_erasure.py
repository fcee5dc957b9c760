"""`ninai erasure` shows receipts, and erases again what a store has got back, whether the service runs or not."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from app.cli import main
from app.process.erasure_file import erasure_file
from observability.secret import Secret
from providers.embedders.settings import NoEmbedderSettings
from providers.erasure.fences import new_key
from providers.erasure.receipts import Erasure, StoreErasure
from providers.journal.base import Journal
from providers.native.embedded import EmbeddedServer
from providers.native.settings import NativeSettings
from providers.owners import Owner
from providers.replica import Replica
from tests.providers.journal.rig import host_in
from tests.support.api import ABSENT_ID
from tests.support.postgres import create_database, drop_database

USER = "kannan"

T = TypeVar("T")


def ninai(file: Path, *arguments: str) -> Result:
    """Run a command about erasures."""
    return CliRunner().invoke(main, ["--config", str(file), "erasure", *arguments])


def configured(folder: Path, provider: str) -> Path:
    """Write the configuration of one provider."""
    file = folder / "ninai.toml"
    file.write_text(f'order = ["a"]\ndata_dir = "{folder}"\n[providers.a]\n{provider}\n')
    return file


def in_file(folder: Path, work: Callable[[Journal], Awaitable[T]]) -> T:
    """Do something to the file of erasures, as the service would."""

    async def run() -> T:
        async with erasure_file(folder).opened() as records:
            return await work(records)

    return asyncio.run(run())


async def erased(records: Journal) -> Erasure:
    """Write down an erasure that is finished at one store, and waits for another."""
    begun = await records.begin_erasure(Erasure(id=ABSENT_ID, owner=USER, hash="", requested_at=0.0))
    fenced = await records.fence(replace(begun, version=2**62), new_key())
    stores = (
        StoreErasure(provider="a", states=3, ids=2, listed=True, erased_at=1.0),
        StoreErasure(provider="b", trouble="unavailable"),
    )
    told = replace(fenced, stores=stores)
    await records.note_erasure(told)
    return told


def test_without_erasures_there_is_nothing_to_show(tmp_path: Path) -> None:
    """And no file is made by looking."""
    file = configured(tmp_path, 'kind = "mock"')

    listed = ninai(file, "list")
    assert (listed.exit_code, listed.stdout) == (0, "nobody was erased here so far\n")
    assert ninai(file, "list", "--fences").stdout == "[]\n"
    assert ninai(file, "show", ABSENT_ID).exit_code == 1
    assert not erasure_file(tmp_path).exists()


def test_receipts_are_listed_and_shown(tmp_path: Path) -> None:
    """With what they wait for; the list of fences is JSON."""
    file = configured(tmp_path, 'kind = "mock"')
    told = in_file(tmp_path, erased)

    head, row = ninai(file, "list").stdout.splitlines()
    assert head.split("  ")[0] == "erasure"
    assert row.split()[:2] == [told.id, "pending"]
    assert row.split()[-2:] == ["3", "b"]
    [receipt] = json.loads(ninai(file, "list", "--json").stdout)
    assert json.loads(ninai(file, "show", told.id).stdout) == receipt
    assert (receipt["user_id"], receipt["user_hash"]) == (USER, told.hash)
    [fence] = json.loads(ninai(file, "list", "--fences").stdout)
    assert (fence["hash"], fence["version"]) == (told.hash, told.version)


@pytest.mark.parametrize("limit", ["0", "1001"])
def test_no_more_than_can_be_asked_for_is_listed(tmp_path: Path, limit: str) -> None:
    """A wrong limit is refused before anything is opened."""
    assert ninai(configured(tmp_path, 'kind = "mock"'), "list", "--limit", limit).exit_code == 2


def test_what_a_restored_store_holds_is_erased_again(tmp_path: Path, postgres_server: EmbeddedServer) -> None:
    """By the file beside it, or by a list that was written elsewhere; an unknown provider is refused."""
    dsn = asyncio.run(create_database(postgres_server))
    settings = NativeSettings(dsn=Secret(dsn), embedder=NoEmbedderSettings())
    folder = tmp_path / "data"
    folder.mkdir()
    file = configured(folder, f'kind = "native"\ndsn = "{dsn}"\nembedder.kind = "none"')

    def in_store(work: Callable[[Replica], Awaitable[T]]) -> T:
        async def run() -> T:
            async with settings.open(host_in(tmp_path)) as store:
                return await work(store)

        return asyncio.run(run())

    in_store(lambda store: store.remember(USER, "tea"))
    in_store(lambda store: store.remember("bob", "coffee"))
    assert ninai(file, "replay", "b").exit_code == 2
    assert "nobody was erased" in ninai(file, "replay").stderr

    in_file(tmp_path, erased)
    fences = tmp_path / "fences.json"
    fences.write_text(ninai(configured(tmp_path, 'kind = "mock"'), "list", "--fences").stdout)
    result = ninai(file, "replay", "--from", str(fences), "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == [{"provider": "a", "fences": 1, "owners": 1, "states": 1}]
    assert in_store(lambda store: store.owners()) == [Owner("bob")]
    assert json.loads(ninai(file, "replay", "a", "--json").stdout)[0]["states"] == 0
    fences.write_text("no list")
    assert ninai(file, "replay", "--from", str(fences)).exit_code == 1
    asyncio.run(drop_database(postgres_server, dsn))
