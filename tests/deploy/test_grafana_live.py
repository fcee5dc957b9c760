"""Every panel against a real Prometheus that scrapes the real service: while all is well, and while home is stopped.

The chain is PostgreSQL as home with a mem0 of the specification's dialect as standby; the load never ends.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import pytest_asyncio

from tests.deploy.test_grafana import Panel, filled_in, panels, variables
from tests.support.mem0_spec import SpecServer
from tests.support.postgres import reachable_folder
from tests.support.prometheus import Prometheus, Sample, needs_prometheus, running_prometheus
from tests.support.service import Service, ninai, running_service

pytestmark = [needs_prometheus, pytest.mark.soak]

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yaml"
JOB = "memories"
HOME, STANDBY = "native", "mem0"
CONFIGURATION = """order = ["native", "mem0"]
[providers.mem0]
kind = "mem0"
base_url = "{url}"
dialect = "spec"
"""

# As Grafana: four scrapes at least, of which there is one each second.
TIME = {"__rate_interval": "10s", "__range": "300s"}
LOAD_SECONDS = 12.0  # longer than rates look back
PATIENCE = 60.0

# A standby answers nobody while home does, so that there is no time a caller has waited for mem0, and no share of it.
EMPTY_WHILE_WELL = {
    ("overview", "mem0 over 500 ms"),
    ("overview", "Burn rate of the promises about time", "B"),
    ("native", "Remember and recall over 500 ms"),
}
# Next to nothing is embedded for a database that is stopped: there are series, but a quantile of no calls is NaN.
MAYBE_NAN_WHILE_ILL = {("native", "Duration of calls to the embedder")}


class Answers(NamedTuple):
    """What Prometheus gave for each query of each panel, by dashboard, id of the panel and name of the query."""

    given: Mapping[tuple[str, int, str], list[Sample]]

    def of(self, board: str, title: str) -> list[Sample]:
        """What the panels of a title show."""
        ids = {panel.json["id"] for panel in panels() if (panel.board, panel.json["title"]) == (board, title)}
        assert ids, title
        places = [place for place in self.given if place[0] == board and place[1] in ids]
        return [sample for place in places for sample in self.given[place]]

    def largest(self, board: str, title: str, **labels: str) -> float:
        """The largest number that a panel shows with these labels."""
        found = [one.value for one in self.of(board, title) if one.is_number and labels.items() <= one.labels.items()]
        return max(found, default=0.0)


class Times(NamedTuple):
    """What was seen while all was well, and while home was stopped."""

    well: Answers
    ill: Answers


def everything(board: str) -> dict[str, str]:
    """One job, and `All` of the rest."""
    return {"job": JOB, **{name: variables(board)[name]["allValue"] for name in ("instance", "provider")}}


def each(board: str, prometheus: Prometheus) -> dict[str, str]:
    """One job, and of the rest each value that Prometheus has, chosen one by one."""
    chosen = {"job": JOB}
    for name in ("instance", "provider"):
        asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variables(board)[name]["query"]["query"])
        assert asked is not None
        values = prometheus.values_of(asked[2], filled_in(asked[1], chosen))
        # Within a string of PromQL the backslash of the pattern needs one of its own.
        chosen[name] = f"({'|'.join(re.escape(value) for value in values)})".replace("\\", "\\\\")
    return chosen


def asked(prometheus: Prometheus, choose: Callable[[str], Mapping[str, str]]) -> Answers:
    """Ask what all panels ask."""
    choices = {board: choose(board) for board in {panel.board for panel in panels()}}
    return Answers(
        {
            (panel.board, panel.json["id"], target["refId"]): prometheus.ask(
                filled_in(target["expr"], {**TIME, **choices[panel.board]})
            )
            for panel in panels()
            for target in panel.json["targets"]
        }
    )


async def send(http: httpx.AsyncClient) -> None:
    """One round of everything that a caller may want."""
    made = await http.post("/memory/remember", json={"content": "the ferry leaves at nine"})
    place = f"/memory/memories/{made.json()['memory_id']}"
    await http.post("/memory/recall", json={"query": "ferry"})
    await http.get("/memory/memories")
    await http.get(place)
    await http.patch(place, json={"content": "the ferry leaves at ten"})
    await http.post("/memory/remember/batch", json={"memories": [{"content": "tea"}, {"content": "coffee"}]})
    await http.post("/memory/recall/batch", json={"queries": [{"query": "tea"}, {"query": "ferry"}]})
    await http.get("/memory/health")
    await http.delete(place)


@contextlib.asynccontextmanager
async def under_load(service: Service) -> AsyncIterator[None]:
    """Somebody asks for everything again and again."""

    async def go_on() -> None:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=30) as http:
            while True:
                await send(http)
                await asyncio.sleep(0.05)

    load = asyncio.create_task(go_on())
    try:
        yield
        assert not load.done(), load.exception()
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)


async def until(truth: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(truth):
        assert time.monotonic() < deadline, "it did not become true"
        await asyncio.sleep(0.2)


def stop_home(service: Service) -> None:
    """Take home's database down, as an operator does."""
    done = ninai("--config", service.folder / "ninai.toml", "db", "stop", HOME, "--data-dir", service.data_dir)
    assert done.returncode == 0, done.stderr


@pytest_asyncio.fixture(scope="module")
async def times() -> AsyncIterator[Times]:
    """Run it all once; what is seen does not change afterwards."""
    with reachable_folder() as folder, contextlib.ExitStack() as stack:
        file, kept = folder / "ninai.toml", folder / "prometheus"
        kept.mkdir()
        async with SpecServer() as mem0:
            file.write_text(CONFIGURATION.format(url=mem0.base_url))
            running = running_service(folder, {"NINAI_CONFIG": str(file), "MEM0_API_KEY": "key"})
            # In threads: the loop is mem0's meanwhile.
            service = await asyncio.to_thread(stack.enter_context, running)
            watching = running_prometheus(kept, service.url.removeprefix("http://"), JOB, [RULES])
            prometheus = await asyncio.to_thread(stack.enter_context, watching)
            async with under_load(service):
                complete = f'ninai_provider_role{{provider="{STANDBY}",role="standby"}} == 1'
                await until(lambda: bool(prometheus.ask(complete)))
                await asyncio.sleep(LOAD_SECONDS)
                well = await asyncio.to_thread(asked, prometheus, lambda board: each(board, prometheus))
                await asyncio.to_thread(stop_home, service)
                await asyncio.sleep(LOAD_SECONDS)
                ill = await asyncio.to_thread(asked, prometheus, everything)
    yield Times(well, ill)


every_query = pytest.mark.parametrize(
    ("panel", "query"),
    [
        pytest.param(panel, target, id=f"{panel.name} {target['refId']}")
        for panel in panels()
        for target in panel.json["targets"]
    ],
)


@every_query
def test_a_panel_shows_something_while_all_is_well(times: Times, panel: Panel, query: Mapping[str, str]) -> None:
    """Zeros included: "no data" is no answer. Those that can have none are known by name."""
    place = (panel.board, panel.json["title"])
    given = times.well.given[panel.board, panel.json["id"], query["refId"]]

    if {place, (*place, query["refId"])} & EMPTY_WHILE_WELL:
        assert given == []
    else:
        assert any(sample.is_number for sample in given)


@every_query
def test_a_panel_shows_something_while_home_is_stopped(times: Times, panel: Panel, query: Mapping[str, str]) -> None:
    """The standby answers, so that almost everything there is to measure happens."""
    given = times.ill.given[panel.board, panel.json["id"], query["refId"]]

    assert given
    assert any(one.is_number for one in given) or (panel.board, panel.json["title"]) in MAYBE_NAN_WHILE_ILL


@every_query
def test_a_legend_can_be_filled_in(times: Times, panel: Panel, query: Mapping[str, str]) -> None:
    """The labels that it names are those of the answer."""
    named = set(re.findall(r"\{\{(\w+)\}\}", query["legendFormat"]))

    for sample in times.ill.given[panel.board, panel.json["id"], query["refId"]]:
        assert named <= set(sample.labels)


def test_nothing_is_wrong_while_all_is_well(times: Times) -> None:
    """What would alarm somebody is 0, and shown."""
    well = times.well

    assert [one.value for one in well.of("overview", "Availability")] == [1]
    assert [one.value for one in well.of("overview", "Error budget left")] == [1]
    assert {one.value for one in well.of("providers", "Breakers")} == {0}
    assert [(one.labels["way"], one.value) for one in well.of("providers", "Fallbacks")] == [(f"{HOME} → {STANDBY}", 0)]
    assert well.largest("journal", "Dead letters") == well.largest("journal", "Accepted writes") == 0
    assert well.largest("providers", "Who answered reads", provider=HOME) > 0
    assert {one.labels["provider"]: one.value for one in well.of("providers", "Roles")} == {HOME: 1, STANDBY: 2}


def test_a_stopped_home_is_seen(times: Times) -> None:
    """Who answers for it, why, what it lacks meanwhile, and that callers hardly notice."""
    ill = times.ill

    assert ill.largest("providers", "Breakers", provider=HOME) in {1, 2}
    assert ill.largest("providers", "Breakers", provider=STANDBY) == 0
    assert ill.largest("providers", "Fallbacks", way=f"{HOME} → {STANDBY}") > 0
    assert ill.largest("providers", "Who answered reads", provider=STANDBY) > 0
    assert ill.largest("providers", "Who answered writes", provider="journal") > 0
    assert ill.largest("providers", "Not tried again", provider=HOME) > 0
    assert ill.largest("providers", "Changes of breakers", provider=HOME, state="open") > 0
    assert ill.largest("journal", "Pending", provider=HOME) > 0
    assert ill.largest("journal", "Oldest pending", provider=HOME) > 1
    assert ill.largest("journal", "Accepted writes") > 0
    assert ill.largest("overview", "Degraded answers") > 0
    assert ill.largest("overview", "Callers' requests that failed") == 0
