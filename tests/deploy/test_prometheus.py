"""The rules for Prometheus against the product: they ask for what is measured, and lead to what helps."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from litestar import Litestar
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from app.main import create_app
from app.settings import load
from observability.metrics import OPERATION_BUCKETS, OPERATIONS, OVERHEAD_BUCKETS, Metrics
from providers.chain.breaker_state import BreakerState
from providers.chain.execution import JOURNAL
from providers.chain.policy import OperationClass, RetentionPolicy
from providers.chain.status import Role
from providers.errors import ProviderError

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"

# What Prometheus adds to everything that it gets.
TARGET_LABELS = {"job", "instance"}
SEVERITIES = {"critical", "warning"}

_SERIES = re.compile(r"(?<![:\w])(ninai_\w+)(?:\{([^}]*)\})?")
_RECORDED = re.compile(r"\b(job(?:_provider)?:\w+:\w+)\b")
_MATCHER = re.compile(r'(\w+)(?:=~|!=|!~|=)"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_STRING = re.compile(r'"[^"]*"')
_USED_IN_TEXT = re.compile(r"\$labels\.(\w+)")

# How an instrument's series are called, by its type.
_SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",), "gauge": ("",), "info": ("_info",)}


@cache
def rules() -> list[dict[str, Any]]:
    """All rules of both files."""
    files = (yaml.safe_load((FOLDER / name).read_text("utf-8")) for name in ("rules.yaml", "alerts.yaml"))
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Those that alert."""
    return [rule for rule in rules() if "alert" in rule]


def recorded() -> set[str]:
    """The names of those that record."""
    return {rule["record"] for rule in rules() if "record" in rule}


@cache
def measured() -> Mapping[str, set[str]]:
    """The labels of everything that the product measures, by the names of the series."""
    metrics = Metrics(CollectorRegistry())
    found: dict[str, set[str]] = {}
    for instrument in vars(metrics).values():
        if not isinstance(instrument, MetricWrapperBase):
            continue
        [described] = instrument.describe()
        for suffix in _SUFFIXES[described.type]:
            labels = set(instrument._labelnames)  # noqa: SLF001 - a child shows them, but one that nobody has counted is none
            found[described.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


def outcomes(kind: type[ProviderError] = ProviderError) -> Iterator[str]:
    """How an operation may end, by all errors that there are."""
    yield kind.outcome
    for narrower in kind.__subclasses__():
        yield from outcomes(narrower)


def values_of(series: str) -> Mapping[str, set[str]]:
    """What the labels of a series may say, as far as that is known beforehand."""
    buckets = OVERHEAD_BUCKETS if "overhead" in series else OPERATION_BUCKETS
    of_tries = series.startswith("ninai_provider_")  # which are told by classes of operations
    return {
        "operation": {operation.value for operation in OperationClass} if of_tries else set(OPERATIONS),
        "outcome": {"ok", "accepted", "cancelled", "bug", *outcomes()},
        "state": {state.value for state in BreakerState},
        "role": {role.value for role in Role},
        "le": {str(edge) for edge in buckets},
        "provider": {JOURNAL},
    }


def application() -> Litestar:
    """The application, not running."""
    return create_app(load(None, {"MEMORY_PROVIDER": "mock"}).settings, CollectorRegistry())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("record") or rule.get("alert"))
def test_what_a_rule_asks_for_is_measured(rule: dict[str, Any]) -> None:
    """Every series exists in the product, has the labels that are matched, and they may say what is looked for."""
    asked = [(name, _MATCHER.findall(matchers)) for name, matchers in _SERIES.findall(rule["expr"])]

    for name, matchers in asked:
        assert name in measured(), name
        for label, value in matchers:
            assert label in measured()[name], (name, label)
            known = values_of(name).get(label)
            assert known is None or set(value.split("|")) <= known, (name, label, value)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("record") or rule.get("alert"))
def test_a_rule_groups_by_what_there_is(rule: dict[str, Any]) -> None:
    """A label in `by` and `on` is Prometheus' own, or one of a series of this rule."""
    expr = rule["expr"]
    labels = {label.strip() for group in _GROUPING.findall(_STRING.sub('""', expr)) for label in group.split(",")}
    there = {label for name, _ in _SERIES.findall(expr) for label in measured().get(name, set())}
    there |= {"provider"} if "job_provider:" in expr else set()

    assert labels - {""} <= there | TARGET_LABELS


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("record") or rule.get("alert"))
def test_instances_of_several_jobs_are_kept_apart(rule: dict[str, Any]) -> None:
    """Whatever is summed or joined is so within a job."""
    groupings = [group for group in _GROUPING.findall(rule["expr"]) if group]

    assert all("job" in [label.strip() for label in group.split(",")] for group in groupings)


def test_the_routes_of_callers_are_those_that_are_served() -> None:
    """The matcher of availability takes in every memory operation, and nothing else."""
    [expr] = [rule["expr"] for rule in rules() if rule.get("record") == "job:ninai_requests_failed:ratio_rate5m"]
    [wanted] = set(re.findall(r'route=~"([^"]*)"', expr))
    [unwanted] = set(re.findall(r'route!="([^"]*)"', expr))

    routes = {route.path_format for route in application().routes}
    assert {route for route in routes if re.fullmatch(wanted, route) and route != unwanted} == {
        "/memory/changes",
        "/memory/delete/batch",
        "/memory/erasures/{erasure_id}",
        "/memory/export",
        "/memory/import",
        *(f"/memory/keys/{name}" for name in ("delete", "get", "list", "put", "rename", "{key}")),
        "/memory/list",
        "/memory/memories",
        "/memory/memories/{memory_id}/history",
        "/memory/memories/{memory_id}/history/{version}/restore",
        "/memory/memories/{memory_id}",
        "/memory/recall",
        "/memory/recall/batch",
        "/memory/remember",
        "/memory/remember/batch",
        "/memory/update/batch",
    }


def test_every_recorded_series_is_of_use() -> None:
    """An alert asks for it, or the README names it."""
    asked = {name for alert in alerts() for name in _RECORDED.findall(alert["expr"])}
    asked |= {name for rule in rules() if "record" in rule for name in _RECORDED.findall(rule["expr"])}
    told = (FOLDER / "README.md").read_text("utf-8")

    assert [name for name in sorted(recorded() - asked) if name not in told] == []


def test_every_alert_asks_for_what_is_recorded() -> None:
    """A recorded series that does not exist would never alert."""
    asked = {name for alert in alerts() for name in _RECORDED.findall(alert["expr"])}

    assert asked <= recorded()


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_an_operator_needs(alert: dict[str, Any]) -> None:
    """How urgent it is, what it is about, who is concerned, and where to read on."""
    told = alert["annotations"]

    assert alert["labels"]["severity"] in SEVERITIES
    assert set(told) == {"summary", "description", "runbook_url"}
    assert "$labels.job" in told["description"]
    assert told["runbook_url"] == f"deploy/runbooks/{alert['alert']}.md"


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_speaks_of_labels_that_it_has(alert: dict[str, Any]) -> None:
    """Those with which its scenarios see it fire."""
    fired = [labels for looks in scenarios() for _, expected in looks for labels in expected]
    own = [set(labels) for labels in fired if labels["alertname"] == alert["alert"] and "job" in labels]

    assert own
    assert set(_USED_IN_TEXT.findall(str(alert["annotations"]))) <= set.intersection(*own)


@cache
def scenarios() -> list[list[tuple[str, list[dict[str, str]]]]]:
    """Of each scenario: which alerts it looks at, as a pattern of their names, and the labels of those it expects."""
    files = (yaml.safe_load(file.read_text("utf-8")) for file in sorted((FOLDER / "tests").glob("*.yaml")))
    return [
        [
            (
                dict(_MATCHER.findall(test["expr"])).get("alertname", ".+"),
                [dict(_MATCHER.findall(sample["labels"])) for sample in test["exp_samples"]],
            )
            for test in scenario["promql_expr_test"]
            if test["expr"].startswith("ALERTS")
        ]
        for file in files
        for scenario in file["tests"]
    ]


def _fires(name: str, expected: list[dict[str, str]]) -> bool:
    return any(labels["alertname"] == name for labels in expected)


@pytest.mark.parametrize("name", sorted({alert["alert"] for alert in alerts()}))
def test_an_alert_is_seen_to_fire_and_to_be_silent(name: str) -> None:
    """In one scenario, at different times."""
    assert any(
        any(_fires(name, expected) for _, expected in looks)
        and any(re.fullmatch(asked, name) and not _fires(name, expected) for asked, expected in looks)
        for looks in scenarios()
    )


def test_the_window_of_the_journal_is_the_default_one() -> None:
    """The alert knows it by a number, which must be the product's."""
    [alert] = [alert for alert in alerts() if alert["alert"] == "NinaiJournalNearWindow"]

    assert f"(0.8 * {RetentionPolicy().keep:g})" in alert["expr"]


def test_the_targets_are_edges_of_buckets() -> None:
    """So that a share is exact."""
    edges = {
        (name, dict(_MATCHER.findall(matchers))["le"])
        for rule in rules()
        for name, matchers in _SERIES.findall(rule["expr"])
        if name.endswith("_bucket")
    }

    assert edges == {
        ("ninai_operation_duration_seconds_bucket", "0.1"),
        ("ninai_operation_duration_seconds_bucket", "0.5"),
        ("ninai_operation_duration_seconds_bucket", "0.05"),
        ("ninai_operation_overhead_seconds_bucket", "0.001"),
    }
