"""The rules for Prometheus in the eyes of its own tool: well-formed, and each alert fires when it should."""

from pathlib import Path

import pytest

from tests.support.promtool import needs_promtool, promtool

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"

pytestmark = needs_promtool


def test_the_example_configuration_is_valid() -> None:
    """With the rule files that it names."""
    said = promtool("check", "config", "prometheus.yml", folder=FOLDER)

    assert "2 rule files found" in said


@pytest.mark.parametrize("name", ["rules.yaml", "alerts.yaml"])
def test_the_rules_are_valid(name: str) -> None:
    """Every expression and every template can be read."""
    said = promtool("check", "rules", "--lint-fatal", name, folder=FOLDER)

    assert "SUCCESS" in said


@pytest.mark.parametrize("scenarios", ["states.yaml", "hours.yaml", "days.yaml"])
def test_the_alerts_fire_when_they_should(scenarios: str) -> None:
    """And are silent when they should be."""
    promtool("test", "rules", scenarios, folder=FOLDER / "tests")
