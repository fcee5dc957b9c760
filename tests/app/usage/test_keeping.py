"""Usage is the sum of all processes of a host, and goes on after a restart; nothing is counted twice."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.usage.counts_folder import FOLDER
from app.usage.keeping import UsageKeeper
from app.usage.request_counts import RequestCounts
from app.usage.totals import BYS, MOST_NAMES, By, RequestCount, SavedCounts, added
from observability.notes import Deed, Notes
from providers.owners import Owner
from tests.support.api import Api, asgi_client, fresh_user, running_app

KEY = b"k" * 32
ANNA = Owner("anna")


def asked(keeper: UsageKeeper, times: int = 1) -> None:
    """Have a key store a memory of Anna's so often."""
    for _ in range(times):
        owners, deeds = [(ANNA.tenant, ANNA.user)], [Deed("remember", "ok", 1)]
        notes = Notes(request_id="1", caller="agent", owners=owners, deeds=deeds)
        keeper.counts.record({}, notes, "POST", "/memory/remember", 200)


async def told(keeper: UsageKeeper) -> list[int]:
    """The requests of the key, of Anna and of her tenant, as a process tells them."""
    totals = await keeper.totals()
    names: dict[By, str] = {"key": "agent", "user": keeper.counts.hashed(ANNA), "tenant": ANNA.tenant}
    return [totals.of_name(by, name).requests for by, name in names.items()]


@asynccontextmanager
async def process(folder: Path, name: str) -> AsyncIterator[UsageKeeper]:
    """A process of the host."""
    keeper = UsageKeeper(RequestCounts(), folder, name)
    async with keeper.running(KEY):
        yield keeper


async def test_processes_tell_the_sum_of_all(tmp_path: Path) -> None:
    """Those that live, as they have saved it; those that have ended, also after all have."""
    async with process(tmp_path, "a") as one, process(tmp_path, "b") as two:
        asked(one, 2)
        asked(two)
        unsaved = await told(one)
        await two.keep()
        both = [await told(one), (await one.totals()).of_name("key", "agent").written]
    async with process(tmp_path, "c") as three:
        asked(three)
        later, since = await told(three), (await three.totals()).since

    assert (unsaved, both, later) == ([2] * 3, [[3] * 3, 3], [4] * 3)
    assert since == one.counts.since
    assert not any(ANNA.user.encode() in file.read_bytes() for file in (tmp_path / FOLDER).iterdir())


async def test_what_is_added_to_the_sum_twice_counts_once(tmp_path: Path) -> None:
    """As where a process was killed before it had removed the files of one that was dead."""
    async with process(tmp_path, "a") as one:
        asked(one)
    shutil.copytree(tmp_path / FOLDER, tmp_path / "before")
    async with process(tmp_path, "b") as two:
        first = await told(two)
        for file in (tmp_path / "before").glob("a.*"):
            shutil.copy(file, tmp_path / FOLDER)
        again = await told(two)
        await two.keep(retire=True)
        after = await told(two)

    assert (first, again, after) == ([1] * 3, [1] * 3, [1] * 3)
    assert not list((tmp_path / FOLDER).glob("a.*"))


@pytest.mark.parametrize("broken", [b"", b"nonsense"])
async def test_what_cannot_be_read_is_counted_anew(tmp_path: Path, broken: bytes) -> None:
    """It fails no request."""
    async with process(tmp_path, "a") as one:
        asked(one)
    (tmp_path / FOLDER / "a.counts").write_bytes(broken)

    async with process(tmp_path, "b") as two:
        asked(two)
        assert await told(two) == [1] * 3


async def test_what_cannot_be_saved_is_said_and_counts_here(tmp_path: Path) -> None:
    """Where the folder is none."""
    (tmp_path / FOLDER).write_text("in the way")

    with capture_logs() as logs:
        async with process(tmp_path, "a") as one:
            asked(one)
            assert await told(one) == [1] * 3

    assert logs[0]["event"] == "usage_not_saved"


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_names_are_known(more: int) -> None:
    """Those of the last parts, once there are more."""
    now = datetime.now(UTC)
    many = {f"{n:06}": RequestCount(1) for n in range(MOST_NAMES - 1 + more)}
    parts: list[SavedCounts] = [SavedCounts(now, {"key": many}), SavedCounts(now, {"key": {"new": RequestCount(2)}})]

    total = added(parts, now + timedelta(days=1))

    assert (len(total.counts["key"]), total.of_name("key", "new").requests, total.since) == (MOST_NAMES, 2, now)
    assert total.of_name("key", "000000").requests == 1 - more
    assert set(total.counts) == set(BYS)


@pytest.mark.thorough
async def test_workers_and_restarts_of_the_service_are_one(tmp_path: Path) -> None:
    """Whoever of them is asked, and whoever asked for the usage before."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": str(tmp_path)}
    user, written = fresh_user(), []
    for _ in range(2):
        async with running_app(environ) as one, running_app(environ) as two:
            for app in (one, two):
                async with asgi_client(app) as http:
                    await Api(http, user).stored("tea")
            await two.state.usage.keep()
            async with asgi_client(one) as http:
                page = (await http.get("/admin/usage", params={"by": "user"})).json()
            written += [entry["memories_written"] for entry in page["entries"] if entry["name"] == user]

    assert written == [2, 4]
