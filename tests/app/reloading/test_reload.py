"""A running service takes a changed configuration over, and keeps the last good one where that is impossible."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.auth.keys import hash_key, new_key
from app.reloading.source import Source
from app.reloading.stamps import stamp_of
from app.settings import load
from tests.support.api import Api, asgi_client, fresh_user
from tests.support.chains import status_of, wait_until_complete
from tests.support.following import eventually, following_app, listened

TWO = """order = {order}
recall_limit = {limit}
[providers.a]
kind = "mock"
[providers.b]
kind = "mock"
[chain]
longest_request = 3.0  # so long a provider that was dropped stays open
"""

Events = Callable[[], list[dict[str, Any]]]


def two(order: str = '["a", "b"]', limit: int = 10, more: str = "") -> str:
    """A configuration of two providers in memory."""
    return TWO.format(order=order, limit=limit) + more


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file."""
    path = tmp_path / "ninai.toml"
    path.write_text(two())
    return path


@pytest.fixture
def events() -> Iterator[Events]:
    """What is logged during the test."""
    with listened() as heard:
        yield heard


@pytest_asyncio.fixture
async def http(file: Path, tmp_path: Path, events: Events) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 - listens first
    """A client of a service that follows the file."""
    environ = {"NINAI__DATA_DIR": str(tmp_path / "data")}
    async with following_app(environ, file) as app, asgi_client(app) as client:
        yield client


def write(file: Path, text: str) -> None:
    """Put another text into a file."""
    file.write_text(text)


def remove(file: Path) -> None:
    """Take a file away."""
    file.unlink()


def write_beside(file: Path, text: str) -> None:
    """Exchange a file for one of the same date, as some editors do."""
    draft = file.with_suffix(".new")
    draft.write_text(text)
    os.utime(draft, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    draft.rename(file)


def link(name: Path, target: str) -> None:
    """Have a name stand for something else, in one step."""
    fresh = name.with_suffix(".fresh")
    fresh.symlink_to(target)
    fresh.rename(name)


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A file behind a link to the folder `1`, beside which lies another version in the folder `2`."""
    for version, order in (("1", '["a", "b"]'), ("2", '["b", "a"]')):
        (tmp_path / version).mkdir()
        (tmp_path / version / "ninai.toml").write_text(two(order))
        os.utime(tmp_path / version / "ninai.toml", (0, 0))
    link(tmp_path / "..data", "1")
    link(tmp_path / "ninai.toml", "..data/ninai.toml")
    return tmp_path / "ninai.toml"


async def order_is(http: httpx.AsyncClient, *order: str) -> bool:
    """Whether this order is in force."""
    return bool((await status_of(http))["order"] == list(order))


async def metric(http: httpx.AsyncClient, name: str) -> float:
    """The value of one series."""
    [line] = [line for line in (await http.get("/metrics")).text.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


async def refusals(http: httpx.AsyncClient) -> float:
    """How many changed configurations were refused."""
    return await metric(http, 'ninai_config_reloads_total{outcome="refused"}')


async def test_another_order_in_the_file_is_put_in_force(http: httpx.AsyncClient, file: Path, events: Events) -> None:
    """A changed order is soon in force, and the log tells what changed."""
    await wait_until_complete(http)
    write(file, two('["b", "a"]'))

    await eventually(lambda: order_is(http, "b", "a"))
    assert (await status_of(http))["home"] == "b"
    assert [event["changed"] for event in events() if event["event"] == "configuration_in_force"] == [["order"]]
    assert await metric(http, 'ninai_config_reloads_total{outcome="ok"}') == 1
    assert await metric(http, "ninai_config_last_reload_successful") == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("order = [", "line 1"),
        (two('["a", "c"]'), '$.order: "c" is not configured'),
        (two(more='[providers.c]\nkind = "mock"\n[providers.d]\nknd = 1\n'), "$.providers.d"),
        # Its dsn passes for one until the provider is opened, and then fails with an error of no tree of ours.
        (two('["a", "c"]', more='[providers.c]\nkind = "native"\ndsn = "postgresql://h:port/d"\n'), "cannot be opened"),
    ],
)
async def test_a_broken_file_changes_nothing(
    http: httpx.AsyncClient, file: Path, events: Events, text: str, reason: str
) -> None:
    """What cannot be used is refused in one line that says why, counted once, and taken when it is mended."""
    write(file, text)

    async def refused() -> bool:
        return await refusals(http) > 0

    await eventually(refused)
    assert await order_is(http, "a", "b")
    assert await metric(http, "ninai_config_last_reload_successful") == 0
    [told] = [event for event in events() if event["event"] == "configuration_refused"]
    assert (told["level"], told["order"]) == ("error", ["a", "b"])
    assert reason in told["reason"]

    write(file, two('["b", "a"]'))
    await eventually(lambda: order_is(http, "b", "a"))
    assert await refusals(http) == 1
    assert await metric(http, "ninai_config_last_reload_successful") == 1


async def test_an_order_of_empty_stores_changes_nothing(http: httpx.AsyncClient, file: Path) -> None:
    """A file that leaves only a newcomer is refused as long as that one has nothing."""
    write(file, two('["c"]', more='[providers.c]\nkind = "mock"\n'))

    async def refused() -> bool:
        return "has received everything" in str((await http.get("/admin/providers/order")).json()["refused"])

    await eventually(refused)
    assert await order_is(http, "a", "b")


@pytest.mark.thorough
async def test_a_newcomer_takes_part_and_goes_again(http: httpx.AsyncClient, file: Path, events: Events) -> None:
    """A provider that the file adds is filled while the others answer, and closed when the file drops it."""
    api = Api(http, fresh_user())
    await api.stored("tea")
    write(file, two('["c", "a", "b"]', more='[providers.c]\nkind = "mock"\n'))
    await eventually(lambda: order_is(http, "c", "a", "b"))
    assert (await status_of(http))["home"] == "a"
    assert await api.recalled("tea") == ["tea"]

    await wait_until_complete(http)
    assert (await status_of(http))["home"] == "c"
    assert await api.recalled("tea") == ["tea"]

    write(file, two())
    await eventually(lambda: order_is(http, "a", "b"))

    async def closed() -> bool:
        return "c" in [event["provider"] for event in events() if event["event"] == "provider_closed"]

    await eventually(closed)


async def test_the_limit_of_a_recall_is_taken_over(http: httpx.AsyncClient, file: Path, events: Events) -> None:
    """How many memories a recall gives by itself changes with the file, and the providers are left alone."""
    api = Api(http, fresh_user())
    for number in range(3):
        await api.stored(f"tea {number}")
    write(file, two(limit=2))

    async def limited() -> bool:
        return len(await api.recalled("tea")) == 2

    await eventually(limited)
    assert [event for event in events() if event["event"] == "order_in_force"][1:] == []


async def test_the_size_of_an_answer_is_taken_over(http: httpx.AsyncClient, file: Path, events: Events) -> None:
    """The next list ends at the new bound, and the providers are left alone."""
    api = Api(http, fresh_user())
    for _ in range(12):
        await api.stored("🍵" * 30_000)
    assert (await api.page()).json()["count"] == 12
    write(file, two(more="[limits]\nmax_answer_bytes = 1048576\n"))

    async def bounded() -> bool:
        return bool((await api.page()).json()["count"] == 8)

    await eventually(bounded)
    assert [event for event in events() if event["event"] == "order_in_force"][1:] == []


async def test_what_needs_a_restart_is_named(http: httpx.AsyncClient, file: Path, events: Events) -> None:
    """Of what a running service cannot take over the log names every setting, and the rest is taken over."""
    write(file, two('["b", "a"]', more="[server]\nport = 9999\n[log]\nlevel = 'error'\n[chain.budget]\nshare = 0.5\n"))

    await eventually(lambda: order_is(http, "b", "a"))
    [told] = [event for event in events() if event["event"] == "restart_needed"]
    assert sorted(told["settings"]) == ["chain.budget.share", "log.level", "server.port"]


async def test_a_swapped_link_is_seen(linked: Path) -> None:
    """Files that are exchanged as a whole by a link above them, as Kubernetes does, are seen."""
    environ = {"NINAI__DATA_DIR": str(linked.parent / "data")}
    async with following_app(environ, linked) as app, asgi_client(app) as http:
        link(linked.parent / "..data", "2")

        await eventually(lambda: order_is(http, "b", "a"))


async def test_a_file_that_comes_by_a_new_name_is_seen(http: httpx.AsyncClient, file: Path) -> None:
    """An editor that writes beside the file and renames is noticed, also if size and date stay the same."""
    write_beside(file, two('["b", "a"]'))

    await eventually(lambda: order_is(http, "b", "a"))


async def test_a_file_that_is_gone_changes_nothing(http: httpx.AsyncClient, file: Path) -> None:
    """Without its file the service goes on as it was."""
    remove(file)

    async def refused() -> bool:
        return await refusals(http) > 0

    await eventually(refused)
    assert await order_is(http, "a", "b")


def test_half_a_file_is_not_taken(file: Path) -> None:
    """A file is changed only when it is the same at two looks: half of one may well be a configuration."""
    source = Source(lambda: load(file, environ={"NINAI__DATA_DIR": str(file.parent)}))
    source.read()
    looks = [source.changed()]

    for text in ("", two(limit=2)):
        write(file, text)
        looks.append(source.changed())
    looks += [source.changed(), source.changed()]
    source.read()
    looks.append(source.changed())

    assert looks == [False, False, False, True, True, False]


def test_a_stamp_is_of_what_a_name_stands_for(tmp_path: Path) -> None:
    """A link to a like file elsewhere has another stamp; a name without a file has none."""
    for name in ("1", "2"):
        (tmp_path / name).write_text("")
        (tmp_path / f"to{name}").symlink_to(name)

    assert stamp_of(tmp_path / "1") == stamp_of(tmp_path / "to1") != stamp_of(tmp_path / "to2")
    assert stamp_of(tmp_path / "3") is None


async def test_keys_of_the_file_are_followed(tmp_path: Path) -> None:
    """One that is added is known, one that is gone is refused, and its tenant and scopes are those of the file now."""
    one, two_ = new_key("one"), new_key("two")
    auth = '\n[auth]\nmode = "api_key"\n'
    table = '[auth.keys.{}]\nhash = "{}"\nscopes = ["memory", "{}"]\n'.format
    file = tmp_path / "ninai.toml"
    file.write_text(two(more=auth + table("one", hash_key(one), "admin")))

    def status(http: httpx.AsyncClient, key: str, path: str) -> Callable[[], Awaitable[int]]:
        async def asked() -> int:
            headers = {"X-API-Key": key, "X-User-ID": "alice"}
            return (await http.get(path, headers=headers)).status_code

        return asked

    async with following_app({"NINAI__DATA_DIR": str(tmp_path / "data")}, file) as app, asgi_client(app) as http:
        before = [await status(http, key, "/admin/providers")() for key in (one, two_)]
        file.write_text(two(more=auth + table("two", hash_key(two_), "metrics:read")))
        looks = [(one, "/memory/memories"), (two_, "/admin/providers"), (two_, "/metrics")]

        async def is_followed() -> bool:
            return [await status(http, key, path)() for key, path in looks] == [401, 403, 200]

        assert before == [200, 401]
        await eventually(is_followed)
