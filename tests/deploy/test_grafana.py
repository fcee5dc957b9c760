"""The dashboards for Grafana as files: they can be loaded, told apart, and found by a Grafana that is set up so."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
GRAFANA = DEPLOY / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
VARIABLES = ["datasource", "job", "instance", "provider"]
BUILT_IN = {"__rate_interval", "__range"}
COLUMNS = 24

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_MOUNT = re.compile(r"(deploy/grafana/\w+):(/\S+?):ro")


class Panel(NamedTuple):
    """One panel as its file has it."""

    board: str
    json: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called where it fails."""
        return f"{self.board}: {self.json['title']} ({self.json['id']})"

    @property
    def expressions(self) -> list[str]:
        """What it asks Prometheus for."""
        return [target["expr"] for target in self.json["targets"]]


@cache
def boards() -> Mapping[str, Mapping[str, Any]]:
    """All dashboards, by the names of their files."""
    return {file.stem: json.loads(file.read_text("utf-8")) for file in FILES}


def panels() -> list[Panel]:
    """All panels that show something."""
    return [
        Panel(name, panel) for name, board in boards().items() for panel in board["panels"] if panel["type"] != "row"
    ]


def variables(board: str) -> Mapping[str, Mapping[str, Any]]:
    """The variables of a dashboard."""
    return {variable["name"]: variable for variable in boards()[board]["templating"]["list"]}


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """Put values for variables, as Grafana does; every variable must have one."""
    return _VARIABLE.sub(lambda found: values[found[1]], text)


every_board = pytest.mark.parametrize("name", [file.stem for file in FILES])


def test_there_are_four_dashboards() -> None:
    """Each with an address of its own that does not change, and all found by one tag."""
    assert {name: board["uid"] for name, board in boards().items()} == {
        name: f"ninai-{name}" for name in ("journal", "native", "overview", "providers")
    }
    assert [board["tags"] for board in boards().values()] == [["ninaivalaigal"]] * len(boards())
    assert len({board["title"] for board in boards().values()}) == len(boards())


@every_board
def test_a_dashboard_is_of_the_schema_of_today(name: str) -> None:
    """Grafana 11.6 and 12 read it as it is; its links keep what is chosen."""
    board = boards()[name]

    assert board["schemaVersion"] == 41
    assert "id" not in board  # Grafana's own, another one in every installation
    assert [(link["tags"], link["includeVars"], link["keepTime"]) for link in board["links"]] == [
        (board["tags"], True, True)
    ]


@every_board
def test_ids_of_panels_are_unique(name: str) -> None:
    """Rows have one, too: links and permissions are kept by it."""
    counted = Counter(panel["id"] for panel in boards()[name]["panels"])

    assert set(counted.values()) == {1}


@every_board
def test_panels_do_not_overlap(name: str) -> None:
    """And none reaches beyond the grid."""
    places = [panel["gridPos"] for panel in boards()[name]["panels"]]
    cells = Counter(
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )

    assert [cell for cell, times in cells.items() if times > 1] == []
    assert max(x for x, _ in cells) < COLUMNS


@every_board
def test_a_panel_that_is_repeated_has_its_row_alone(name: str) -> None:
    """Grafana lays the copies over what stands beside it."""
    widths = [panel["gridPos"]["w"] for panel in boards()[name]["panels"] if "repeat" in panel]

    assert set(widths) <= {COLUMNS}


def test_the_limits_of_the_journal_are_those_of_the_alerts() -> None:
    """Where a line is crossed an alert is near."""
    alerts = (DEPLOY / "prometheus" / "alerts.yaml").read_text("utf-8")
    steps = [
        [step["value"] for step in panel.json["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        for panel in panels()
        if panel.json["title"] == "Oldest pending"
    ]

    assert "(last_over_time(ninai_journal_oldest_pending_seconds[2m])) > 300" in alerts
    assert "(last_over_time(ninai_journal_oldest_pending_seconds[2m])) > (0.8 * 3600)" in alerts
    assert steps == [[None, 300, 0.8 * 3600]] * 2


def _provisioned(kind: str) -> dict[str, Any]:
    [file] = (GRAFANA / "provisioning" / kind).glob("*.yaml")
    parsed: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    assert parsed["apiVersion"] == 1
    return parsed


def test_grafana_finds_the_dashboards() -> None:
    """Where README.md mounts the folder, the provider looks for it; and the provider is where Grafana looks."""
    [provider] = _provisioned("dashboards")["providers"]
    mounts = {target: source for source, target in _MOUNT.findall((GRAFANA / "README.md").read_text("utf-8"))}

    assert provider["type"] == "file"
    assert DEPLOY.parent / mounts[provider["options"]["path"]] == GRAFANA / "dashboards"
    assert DEPLOY.parent / mounts["/etc/grafana/provisioning"] == GRAFANA / "provisioning"


def test_grafana_finds_prometheus() -> None:
    """The one beside it; and it knows how often that one looks."""
    [source] = _provisioned("datasources")["datasources"]
    scraping = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))["global"]

    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert source["jsonData"]["timeInterval"] == scraping["scrape_interval"]
