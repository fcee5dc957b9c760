"""The rules for Prometheus in the eyes of its own tool: well-formed, and each alert fires when it should."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Info
from prometheus_client.metrics import MetricWrapperBase

from observability.metrics import Metrics, expose
from tests.support.promtool import needs_promtool, promtool

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"

pytestmark = needs_promtool


def test_the_example_configuration_is_valid() -> None:
    """With the rule files that it names."""
    said = promtool("check", "config", "prometheus.yml", folder=FOLDER)

    assert "2 rule files found" in said


def test_the_metrics_are_named_well(tmp_path: Path) -> None:
    """Units, suffixes and descriptions are as Prometheus wants them, of all metrics that a worker has."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    create_children(metrics)
    exposed, _ = expose(registry, "text/plain")

    promtool("check", "metrics", folder=tmp_path, given=exposed.decode())


def create_children(metrics: Metrics) -> None:
    """Have one child of each, since what has none is not told."""
    for instrument in vars(metrics).values():
        if isinstance(instrument, MetricWrapperBase) and not isinstance(instrument, Info):
            names = instrument._labelnames  # noqa: SLF001 - the client keeps them to itself
            if names:
                instrument.labels(*("any" for _ in names))


@pytest.mark.parametrize("name", ["rules.yaml", "alerts.yaml"])
def test_the_rules_are_valid(name: str) -> None:
    """Every expression and every template can be read."""
    said = promtool("check", "rules", "--lint-fatal", name, folder=FOLDER)

    assert "SUCCESS" in said


@pytest.mark.thorough
@pytest.mark.parametrize("scenarios", ["states.yaml", "hours.yaml", "days.yaml"])
def test_the_alerts_fire_when_they_should(scenarios: str) -> None:
    """And are silent when they should be."""
    promtool("test", "rules", scenarios, folder=FOLDER / "tests")
