"""What a leaked key wrote is hidden from all readers at once, until that is lifted, whatever else happens meanwhile."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.auth.keys import hash_key, new_key
from app.quarantine.quarantine_file import QuarantineFile
from providers.provenance.quarantines import MAX_QUARANTINES, Quarantine, Quarantines
from tests.support.api import Api, asgi_client, field_in, problem_in
from tests.support.following import eventually, following_app, listened

_KEYS = {name: new_key(name) for name in ("agent", "leaky", "ops")}
_OPS = {"Authorization": f"Bearer {_KEYS['ops']}"}
QUARANTINES = "/admin/quarantines"
WITHOUT_VECTORS = {"NINAI__PROVIDERS__NATIVE__EMBEDDER__KIND": "none"}
A_MINUTE_AGO = timedelta(minutes=1)


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """The settings of a service over memory with a journal, for two callers and an operator."""
    environ = {
        "NINAI__DATA_DIR": str(data_dir),
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__JOURNAL__KIND": "sqlite",
        **more,
    }
    for name, key in _KEYS.items():
        environ[f"NINAI__AUTH__KEYS__{name.upper()}__HASH"] = hash_key(key)
        environ[f"NINAI__AUTH__KEYS__{name.upper()}__SCOPES"] = '["memory", "admin"]' if name == "ops" else '["memory"]'
    return environ


@asynccontextmanager
async def running(environ: Mapping[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with these settings."""
    async with following_app(environ) as app, asgi_client(app) as client:
        yield client


@pytest_asyncio.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of its own."""
    async with running(environment(tmp_path)) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def shared_http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one service for all tests that put nothing in quarantine."""
    async with running(environment(tmp_path_factory.mktemp("shared"))) as client:
        yield client


def of(http: httpx.AsyncClient, name: str, user: str = "alice") -> Api:
    """A caller with one of the keys, for a user."""
    return Api(http, user, {"Authorization": f"Bearer {_KEYS[name]}"})


async def set_quarantine(http: httpx.AsyncClient, **wanted: object) -> dict[str, Any]:
    """Put what the leaky key wrote in quarantine, and return what the service says."""
    body = {"key": "leaky", "since": (datetime.now(UTC) - A_MINUTE_AGO).isoformat(), **wanted}
    response = await http.post(QUARANTINES, json=body, headers=_OPS)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def lift(http: httpx.AsyncClient, quarantine: Mapping[str, Any]) -> None:
    """Lift a quarantine."""
    assert (await http.delete(f"{QUARANTINES}/{quarantine['id']}", headers=_OPS)).status_code == 200


async def exported(api: Api) -> dict[str, Any]:
    """The lines of an export of memories, by their texts."""
    lines = [json.loads(line) for line in (await api.request("GET", "/memory/export")).text.splitlines()]
    return {line["content"]: line for line in lines if line["kind"] == "memory"}


async def seen(api: Api) -> dict[str, Any]:
    """What a reader learns of tea, in every way in which one can ask."""
    keys = await api.request("POST", "/memory/keys/list", json={})
    batch = await api.request("POST", "/memory/recall/batch", json={"queries": [{"query": "which tea", "limit": 50}]})
    changes = await api.request("GET", "/memory/changes?after=0")
    return {
        "list": (await api.page(total="true")).json(),
        "recall": await api.recalled("which tea", limit=50),
        "best": await api.recalled("poisoned tea", limit=2),
        "batch": [memory["content"] for memory in batch.json()["results"][0]["memories"]],
        "keys": keys.json()["keys"],
        "changes": [one["memory"]["content"] for one in changes.json()["changes"] if "memory" in one],
    }


async def test_what_the_key_wrote_is_hidden_everywhere_and_shown_again_as_it_was(http: httpx.AsyncClient) -> None:
    """Also what it only changed; memories of others stay, and take the places of what is hidden."""
    agent, leaky = of(http, "agent"), of(http, "leaky")
    good = [f"green tea {number}" for number in range(3)]
    for text in good:
        await agent.remember(text)
    edited = (await agent.request("PUT", "/memory/keys/tea", json={"content": "white tea"})).json()["memory_id"]
    await leaky.update(edited, content="poisoned tea 0")
    poisoned = [await leaky.stored(f"poisoned tea {number}") for number in range(1, 6)]
    before = await seen(agent)
    got = (await agent.get(edited)).json()

    quarantine = await set_quarantine(http)
    hidden = await seen(agent)
    gone = [await agent.get(one) for one in (edited, poisoned[0])]
    change = await agent.update(poisoned[1], content="mine")
    batch = {"changes": [{"memory_id": poisoned[1], "content": "mine"}, {"memory_id": edited, "content": "mine"}]}
    changes = await agent.request("POST", "/memory/update/batch", json=batch)
    later = await leaky.stored("poisoned tea, later")
    lines = await exported(agent)
    listed = (await http.get(f"{QUARANTINES}/{quarantine['id']}/memories", headers=_OPS)).json()
    still = await seen(agent)
    await leaky.delete(later)
    await lift(http, quarantine)

    assert sorted(hidden["list"].pop("memories"), key=lambda one: one["content"]) == [
        memory
        for memory in sorted(before["list"]["memories"], key=lambda one: one["content"])
        if memory["content"] in good
    ]
    assert hidden["list"]["total"] == 3
    assert sorted(hidden["recall"]) == sorted(hidden["batch"]) == good
    assert len(hidden["best"]) == 2
    assert set(hidden["best"]) < set(good)
    assert (hidden["keys"], hidden["changes"]) == ([], good)
    assert [answer.status_code for answer in (*gone, change)] == [404, 404, 404]
    assert changes.json()["failed"] == 2
    assert still["recall"] == hidden["recall"]
    assert {text for text, line in lines.items() if line.get("quarantine") == quarantine["id"]} == {
        *(f"poisoned tea {number}" for number in range(6)),
        "poisoned tea, later",
    }
    assert {memory["memory_id"] for memory in listed["memories"]} == {edited, *poisoned, later}
    assert (await agent.get(edited)).json() == got
    assert await seen(agent) == before


async def test_what_is_in_quarantine_is_imported_only_on_purpose(http: httpx.AsyncClient) -> None:
    """A line that says so is refused alone, with the field that is to be taken out."""
    await of(http, "leaky").remember("poisoned tea")
    await set_quarantine(http)
    line = (await exported(of(http, "agent")))["poisoned tea"]
    bob, header = of(http, "agent", "bob"), {"Content-Type": "application/x-ndjson"}

    refused = await bob.request("POST", "/memory/import", content=json.dumps(line), headers=header)
    del line["quarantine"]
    taken = await bob.request("POST", "/memory/import", content=json.dumps(line), headers=header)

    [result] = refused.json()["results"]
    assert (result["status"], result["problem"]["errors"][0]["field"]) == ("failed", "quarantine")
    assert taken.json()["results"][0]["status"] == "stored"
    assert (await bob.page()).json()["memories"][0]["source"]["origin"] == "import"


async def test_hidden_versions_are_marked_in_exports(http: httpx.AsyncClient) -> None:
    """And refused by an import, while the memory is shown that somebody else has made of them."""
    agent, leaky, header = of(http, "agent"), of(http, "leaky"), {"Content-Type": "application/x-ndjson"}
    memory_id = await leaky.stored("poisoned tea")
    await agent.update(memory_id, content="tea")
    quarantine = await set_quarantine(http)
    text = (await agent.request("GET", "/memory/export")).text
    [version] = [line for line in map(json.loads, text.splitlines()) if line["kind"] == "version"]
    bob = of(http, "agent", "bob")
    taken = (await bob.request("POST", "/memory/import", content=text, headers=header)).json()

    assert (version["content"], version["quarantine"]) == ("poisoned tea", quarantine["id"])
    assert [taken[name] for name in ("stored", "versions", "failed")] == [1, 0, 1]
    assert await bob.contents() == ["tea"]


async def test_a_key_whose_memory_is_hidden_can_be_put_again(http: httpx.AsyncClient) -> None:
    """What is put then stays when the quarantine is lifted; what is hidden can be deleted."""
    agent, leaky = of(http, "agent"), of(http, "leaky")
    await leaky.request("PUT", "/memory/keys/tea", json={"content": "poisoned tea"})
    other = await leaky.stored("poisoned tea as well")
    quarantine = await set_quarantine(http)

    put = await agent.request("PUT", "/memory/keys/tea", json={"content": "green tea"})
    deleted = await agent.delete(other)
    await lift(http, quarantine)

    assert (put.json()["created"], deleted.status_code) == (True, 200)
    assert (await agent.request("GET", "/memory/keys/tea")).json()["content"] == "green tea"
    assert (await agent.get(other)).status_code == 404


async def test_a_quarantine_is_bounded_by_time_and_user(http: httpx.AsyncClient) -> None:
    """What was written before or after it is shown, and so is what other users have of the same key."""
    leaky, bob = of(http, "leaky"), of(http, "leaky", "bob")
    await leaky.remember("green tea")
    await bob.remember("green tea")
    now = datetime.now(UTC)
    ended = await set_quarantine(http, until=(now - A_MINUTE_AGO / 2).isoformat())
    shown = await leaky.contents()
    of_one = await set_quarantine(http, user="alice")

    assert "until" in ended
    assert shown == ["green tea"]
    assert (await leaky.contents(), await bob.contents()) == ([], ["green tea"])
    assert of_one["set_by"] == "ops"
    await set_quarantine(http, since=(now + A_MINUTE_AGO).isoformat())
    assert await bob.contents() == ["green tea"]


@pytest.mark.thorough
async def test_a_quarantine_outlives_a_restart_and_reaches_all_hosts_of_a_journal(
    tmp_path: Path, database: str
) -> None:
    """Also a host that starts with an empty data folder; the console and the metrics of each show it."""
    shared = {
        "MEMORY_PROVIDER": "native",
        "DATABASE_URL": database,
        "NINAI__JOURNAL__PATH": str(tmp_path / "journal.db"),
        "NINAI__INSTALLATION": "one-for-both-hosts",
        **WITHOUT_VECTORS,
    }
    one, other = environment(tmp_path / "one", **shared), environment(tmp_path / "other", **shared)
    async with running(one) as http:
        quarantine = await set_quarantine(http, reason="found on a forum")
    async with running(other) as http, running(one) as again:
        assert [one["id"] for one in (await again.get(QUARANTINES, headers=_OPS)).json()["quarantines"]] == [
            quarantine["id"]
        ]
        assert (await http.get(QUARANTINES, headers=_OPS)).json()["quarantines"] == [quarantine]
        await of(http, "leaky").remember("poisoned tea")
        assert await of(http, "agent").contents() == []
        assert "ninai_quarantines 1.0" in (await http.get("/metrics", headers=_OPS)).text

        await lift(again, quarantine)

        async def is_lifted() -> bool:
            return await of(http, "agent").contents() == ["poisoned tea"]

        await eventually(is_lifted)
        assert "ninai_quarantines 0.0" in (await http.get("/metrics", headers=_OPS)).text


async def test_another_process_of_the_host_is_followed_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    """What was in force stays so, and the log says why."""
    file = QuarantineFile(tmp_path)
    rule = Quarantine(
        id="1", key="leaky", since=datetime.now(UTC) - A_MINUTE_AGO, set_by="ops", set_at=datetime.now(UTC)
    )
    with listened() as events:
        async with running({**environment(tmp_path), "NINAI__JOURNAL__KIND": "none"}) as http:
            await of(http, "leaky").remember("poisoned tea")
            file.change(lambda known: known.with_(rule))

            async def is_hidden() -> bool:
                return await of(http, "agent").contents() == []

            await eventually(is_hidden)
            file.path.write_text("{")

            async def is_told() -> bool:
                return any(event["event"] == "quarantine_refused" for event in events())

            await eventually(is_told)
            assert await of(http, "agent").contents() == []
            response = await http.delete(f"{QUARANTINES}/1", headers=_OPS)
            assert (response.status_code, problem_in(response)["type"]) == (
                503,
                "urn:ninai:problem:quarantine-not-saved",
            )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"key": "leaky", "caller": "leaky"}, "key"),
        ({"key": None}, "key"),
        ({"key": " "}, "key"),
        ({"key": 256 * "k"}, "key"),
        ({"key": "leaky", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"key": "leaky", "user": "*"}, "user"),
        ({"key": "leaky", "tenant": "acme"}, "tenant"),
        ({"key": "leaky", "since": "yesterday"}, "since"),
        ({"key": "leaky", "since": "0001-01-01T00:00:00+23:59"}, "since"),
        ({"key": "leaky", "until": "9999-12-31T23:59:59-23:59"}, "until"),
    ],
)
async def test_what_is_no_quarantine_is_refused(
    shared_http: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    """With the field that is wrong; nothing is in force then."""
    wanted = {"since": datetime.now(UTC).isoformat(), **body}

    response = await shared_http.post(QUARANTINES, json=wanted, headers=_OPS)

    assert field_in(response) == field
    assert (await shared_http.get(QUARANTINES, headers=_OPS)).json()["quarantines"] == []


async def test_quarantines_are_for_operators_and_have_a_bound(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """A caller may not see them; beyond the bound one has to be lifted first; an unknown one is not found."""
    callers = {"Authorization": f"Bearer {_KEYS['agent']}"}
    now = datetime.now(UTC)
    rules = [Quarantine(id=f"{place}", key="x", since=now, set_at=now) for place in range(MAX_QUARANTINES)]
    QuarantineFile(tmp_path).change(lambda _: Quarantines(tuple(rules)))
    body = {"key": "leaky", "since": now.isoformat()}

    refused = await http.post(QUARANTINES, json=body, headers=callers)
    listed = await http.get(QUARANTINES, headers=callers)
    one_more = await http.post(QUARANTINES, json=body, headers=_OPS)
    unknown = await http.delete(f"{QUARANTINES}/nothing", headers=_OPS)

    assert (refused.status_code, listed.status_code, unknown.status_code) == (403, 403, 404)
    assert field_in(one_more) == "key"

    async def are_followed() -> bool:
        return bool((await http.get(QUARANTINES, headers=_OPS)).json()["count"] == MAX_QUARANTINES)

    await eventually(are_followed)
    await lift(http, {"id": "1"})
    assert (await http.post(QUARANTINES, json=body, headers=_OPS)).status_code == 200


async def test_hidden_versions_are_in_no_history(http: httpx.AsyncClient) -> None:
    """What a user has put right since then is shown, without what the key wrote in between."""
    agent, leaky = of(http, "agent"), of(http, "leaky")
    right, hidden = await agent.stored("green tea"), await agent.stored("white tea")
    for memory_id in (right, hidden):
        await leaky.update(memory_id, content="poisoned tea")
    await agent.update(right, content="black tea")
    await set_quarantine(http)

    history = await agent.request("GET", f"/memory/memories/{right}/history")
    gone = await agent.request("GET", f"/memory/memories/{hidden}/history")

    assert [one["memory"]["content"] for one in history.json()["versions"]] == ["black tea", "green tea"]
    assert gone.status_code == 404
