"""The alerts by a real Prometheus that watches the real service, while what they tell of happens, and after it is over.

Two databases, home and standby, and callers who never stop. An hour takes a minute here, see `tests/support/faster.py`.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from tests.support.faster import faster, seconds_of
from tests.support.postgres import reachable_folder
from tests.support.prometheus import Prometheus, needs_prometheus, running_prometheus
from tests.support.service import Service, ninai, running_service

pytestmark = [needs_prometheus, pytest.mark.soak]  # two minutes, and a machine that keeps up

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
FACTOR = 60
EVERY = 1.0  # seconds, in which a scrape and the rules must be done
LOOKBACK = 5.0
JOB = "memories"
HOME, STANDBY = "home", "standby"
PATIENCE = 60.0
POLL = 0.2
USERS = 50
# How fast things are is the machine's business here, not that of what is stopped.
UNJUDGED = "ninai-latency-alerts"
CONFIGURATION = """order = ["home", "standby"]
[providers.home]
kind = "native"
embedder.kind = "none"
[providers.standby]
kind = "native"
embedder.kind = "none"
[chain.breaker]
first_pause = 1.0
longest_pause = 2.0
[chain.deliveries]
longest_wait = 1.0
"""


class Alert(NamedTuple):
    """One that fires, and about which provider, if about one."""

    name: str
    provider: str | None = None


class Watched(NamedTuple):
    """A service, and who watches it."""

    service: Service
    prometheus: Prometheus

    @property
    def file(self) -> Path:
        """The configuration of the service."""
        return self.service.folder / "ninai.toml"

    def firing(self) -> set[Alert]:
        """What fires now."""
        fired = self.prometheus.ask('ALERTS{alertstate="firing"}')
        return {Alert(one.labels["alertname"], one.labels.get("provider")) for one in fired}

    def database(self, order: str, *names: str) -> None:
        """Stop or start databases, as an operator does."""
        for name in names:
            done = ninai("--config", self.file, "db", order, name, "--data-dir", self.service.data_dir)
            assert done.returncode == 0, done.stderr


class Seen(NamedTuple):
    """What has fired, and after how many seconds it first did."""

    after: Mapping[Alert, float]

    def keeps_to_its_time(self) -> bool:
        """Whether none of them fired before its `for` was over."""
        waits = {rule["alert"]: 0.0 for rule in alerts()}
        for rule in alerts():
            waits[rule["alert"]] = min(
                seconds_of(other.get("for", "0s")) / FACTOR for other in alerts() if other["alert"] == rule["alert"]
            )
        return all(seconds >= waits[alert.name] for alert, seconds in self.after.items())


def alerts() -> list[dict[str, Any]]:
    """The alerts of the product."""
    parsed = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))
    return [rule for group in parsed["groups"] for rule in group["rules"]]


def scaled(folder: Path) -> list[Path]:
    """The rules of the product, in a world that hurries."""
    made = []
    for name in ("rules.yaml", "alerts.yaml"):
        parsed = faster(yaml.safe_load((FOLDER / name).read_text("utf-8")), FACTOR)
        parsed["groups"] = [group for group in parsed["groups"] if group["name"] != UNJUDGED]
        (folder / name).write_text(yaml.safe_dump(parsed))
        made.append(folder / name)
    return made


@contextlib.contextmanager
def under_load(url: str) -> Iterator[None]:
    """Callers who store and ask all the time, whatever they are answered."""
    ending = threading.Event()

    def go_on() -> None:
        with httpx.Client(base_url=url, trust_env=False, timeout=10) as http:
            for turn in count():
                if ending.wait(0.1):
                    return
                # So many that none of them has much pending.
                headers = {"X-User-ID": f"user-{turn % USERS}"}
                with contextlib.suppress(httpx.TransportError):
                    http.post("/memory/remember", json={"content": "the ferry leaves at nine"}, headers=headers)
                    http.post("/memory/recall", json={"query": "ferry"}, headers=headers)

    callers = threading.Thread(target=go_on, name="callers")
    callers.start()
    try:
        yield
    finally:
        ending.set()
        callers.join()


def until(truth: Callable[[], bool], said: Callable[[], object]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, said()
        time.sleep(POLL)


def see(watched: Watched, happen: Callable[[], object], *expected: Alert) -> Seen:
    """Let something happen, watch until all of these fire, and give whatever has."""
    started = time.monotonic()
    happen()
    after: dict[Alert, float] = {}
    while not set(expected) <= after.keys():
        assert time.monotonic() < started + PATIENCE, (set(expected) - after.keys(), after)
        for alert in watched.firing():
            after.setdefault(alert, time.monotonic() - started)
        time.sleep(POLL)
    return Seen(after)


def clear(watched: Watched, *but: str) -> None:
    """Wait until nothing fires any more, but what is named."""
    until(lambda: not {alert.name for alert in watched.firing()} - set(but), watched.firing)


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """A service that is well, with two databases that have received everything, watched for a while."""
    with reachable_folder() as folder:
        (folder / "ninai.toml").write_text(CONFIGURATION)
        kept, rules = folder / "prometheus", folder / "rules"
        kept.mkdir()
        rules.mkdir()
        with (
            running_service(folder, {"NINAI_CONFIG": str(folder / "ninai.toml")}) as service,
            running_prometheus(
                kept, service.url.removeprefix("http://"), JOB, scaled(rules), every=EVERY, lookback=LOOKBACK
            ) as prometheus,
            under_load(service.url),
        ):
            complete = f'ninai_provider_role{{provider="{STANDBY}",role="standby"}} == 1'
            until(lambda: bool(prometheus.ask(complete)), service.said)
            time.sleep(seconds_of("10m") / FACTOR)
            yield Watched(service, prometheus)


def test_nothing_fires_while_all_is_well(watched: Watched) -> None:
    """Under load, with a standby that has been filled."""
    assert watched.firing() == set()


def test_a_stopped_home(watched: Watched) -> None:
    """It is left alone, a standby answers for it, and it does not receive writes; nobody is called out of bed."""
    of_home = {Alert(name, HOME) for name in ("NinaiHomeLost", "NinaiBreakerOpen", "NinaiJournalStuck")}
    expected = {*of_home, Alert("NinaiReadsDegraded")}
    seen = see(watched, lambda: watched.database("stop", HOME), *expected)
    watched.database("start", HOME)

    assert set(seen.after) == expected
    assert seen.keeps_to_its_time()
    clear(watched)


def test_a_stopped_standby(watched: Watched) -> None:
    """Callers notice nothing, and so it is told of the standby alone."""
    expected = {Alert("NinaiBreakerOpen", STANDBY), Alert("NinaiJournalStuck", STANDBY)}
    seen = see(watched, lambda: watched.database("stop", STANDBY), *expected)
    watched.database("start", STANDBY)

    assert set(seen.after) == expected
    assert seen.keeps_to_its_time()
    clear(watched)


def test_a_configuration_that_cannot_be_used(watched: Watched) -> None:
    """It is refused and told, and nothing else changes."""
    seen = see(watched, lambda: watched.file.write_text("order = 7\n"), Alert("NinaiReloadRefused"))
    watched.file.write_text(CONFIGURATION)

    assert set(seen.after) == {Alert("NinaiReloadRefused")}
    assert seen.keeps_to_its_time()
    clear(watched)


def test_everything_stopped(watched: Watched) -> None:
    """No provider can serve, and requests fail; last, since the share of failed requests is remembered for days."""
    urgent = {Alert("NinaiNoProviderCanServe"), Alert("NinaiErrorBudgetBurn")}
    seen = see(watched, lambda: watched.database("stop", HOME, STANDBY), *urgent)
    watched.database("start", HOME, STANDBY)

    of_each = {Alert(name, which) for name in ("NinaiBreakerOpen", "NinaiJournalStuck") for which in (HOME, STANDBY)}
    assert set(seen.after) <= urgent | of_each | {Alert("NinaiHomeLost", HOME), Alert("NinaiReadsDegraded")}
    assert seen.keeps_to_its_time()
    clear(watched, "NinaiErrorBudgetBurn")
