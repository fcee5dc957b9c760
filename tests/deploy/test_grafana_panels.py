"""The panels of the dashboards: each says what it shows, and asks for what is measured."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from observability.metrics import OPERATION_BUCKETS, OVERHEAD_BUCKETS, Metrics
from observability.metrics.buckets import JOURNAL_BUCKETS, LAG_BUCKETS
from providers.chain.observer import GivenUp
from providers.chain.policy import OperationClass
from tests.deploy.test_grafana import BUILT_IN, DATASOURCE, VARIABLES, Panel, every_board, filled_in, panels, variables
from tests.deploy.test_prometheus import TARGET_LABELS, measured, recorded, values_of

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)(?:=~|!=|!~|=)"([^"]*)"')
_MEASURED = re.compile(r"(ninai_\w+)_bucket")
_EDGES = {
    "ninai_operation_overhead_seconds": OVERHEAD_BUCKETS,
    "ninai_journal_duration_seconds": JOURNAL_BUCKETS,
    "ninai_journal_delivery_lag_seconds": LAG_BUCKETS,
    "ninai_database_acquire_duration_seconds": JOURNAL_BUCKETS,
}
_WINDOW = re.compile(r"\[([^\]]*)\]")

every_panel = pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel.name)


class EmptyPool:
    """A pool without connections."""

    def size(self) -> int:
        """None can be made."""
        return 0

    def checkedout(self) -> int:
        """None is lent."""
        return 0

    def checkedin(self) -> int:
        """None is there."""
        return 0


@cache
def known() -> Mapping[str, set[str]]:
    """The labels of everything that can be asked for, beside those that Prometheus adds."""
    of_rules = {name: {"provider"} if name.startswith("job_provider:") else set() for name in recorded()}
    families = ProcessCollector(registry=CollectorRegistry()).collect()
    of_process: dict[str, set[str]] = {
        f"{family.name}{'_total' if family.type == 'counter' else ''}": set() for family in families
    }
    return {**measured(), **of_rules, **of_process, "up": set()}


@cache
def may_say(series: str) -> Mapping[str, set[str]]:
    """What the labels of a series may say; attempts are told by classes of operations."""
    possible = {**values_of(series), "kind": {"native", "mem0"}, "reason": {reason.value for reason in GivenUp}}
    if series.startswith(("ninai_provider_", "ninai_fallbacks")):
        possible["operation"] = {operation.value for operation in OperationClass}
    if series == "ninai_database_connections":
        metrics = Metrics(CollectorRegistry())
        with metrics.watched_pool("native", EmptyPool):
            [family] = metrics.database_connections.collect()
            possible["state"] = {sample.labels["state"] for sample in family.samples}
    return possible


def selectors(expression: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each metric that an expression names, with what its labels are to match."""
    for name, matchers in _SELECTOR.findall(expression):
        yield name, _MATCHER.findall(matchers)


@every_board
def test_the_variables_are_the_same_everywhere(name: str) -> None:
    """So that a link from one dashboard to another keeps them; each asks for labels that there are."""
    assert list(variables(name)) == VARIABLES
    assert variables(name)["datasource"]["query"] == "prometheus"
    for variable in VARIABLES[1:]:
        made = variables(name)[variable]
        asked = re.fullmatch(r"label_values\((\w+)(?:\{(.*)\})?, (\w+)\)", made["query"]["query"])
        assert asked is not None
        assert asked[3] == variable
        assert {asked[3], *dict(_MATCHER.findall(asked[2] or ""))} <= known()[asked[1]] | TARGET_LABELS
        chosen_before = {label: f"${label}" for label in VARIABLES[1 : VARIABLES.index(variable)]}
        assert dict(_MATCHER.findall(asked[2] or "")) == chosen_before
        assert made["datasource"] == DATASOURCE
        assert made["includeAll"] == made["multi"] == (variable != "job")


@every_panel
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    """A sentence about it, a unit, and a legend for each of several lines."""
    legends = [target["legendFormat"] for target in panel.json["targets"]]

    assert panel.json["description"].endswith(".")
    assert panel.json["fieldConfig"]["defaults"]["unit"]
    assert panel.json["type"] == "stat" or all(legends)
    assert len(set(legends)) == len(legends)


@every_panel
def test_a_panel_asks_the_prometheus_that_was_chosen(panel: Panel) -> None:
    """Itself, and each of its queries, which have names of their own."""
    targets = panel.json["targets"]

    assert [panel.json["datasource"], *(target["datasource"] for target in targets)] == [DATASOURCE] * (
        len(targets) + 1
    )
    assert len({target["refId"] for target in targets}) == len(targets) > 0


@every_panel
def test_what_a_panel_asks_for_is_measured(panel: Panel) -> None:
    """Every series exists in the product or the rules, has the labels that are matched, and they may say so."""
    for expression in panel.expressions:
        assert "ninai_" not in _SELECTOR.sub("", expression), "a metric without a job"
        for name, matchers in selectors(expression):
            assert name in known(), name
            for label, value in matchers:
                assert label in known()[name] | TARGET_LABELS, (name, label)
                possible = may_say(name).get(label)
                assert "$" in value or possible is None or set(value.split("|")) <= possible, (name, label, value)


@every_panel
def test_a_panel_shows_what_was_chosen(panel: Panel) -> None:
    """The job and the instances in every query; rules are summed over the instances."""
    for expression in panel.expressions:
        for name, matchers in selectors(expression):
            assert ("job", "$job") in matchers, name
            assert name in recorded() or ("instance", "$instance") in matchers, name
        assert "$" not in filled_in(expression, dict.fromkeys([*VARIABLES, *BUILT_IN], "1"))


@every_panel
def test_a_window_follows_what_is_shown(panel: Panel) -> None:
    """No rate over a fixed time: too short a one is empty, too long a one hides. Rules have theirs in their names."""
    windows = {window for expression in panel.expressions for window in _WINDOW.findall(expression)}

    assert windows <= {"$__rate_interval", "$__range"}


@every_panel
def test_limits_of_quantiles_are_edges_of_buckets(panel: Panel) -> None:
    """So that a line above its limit is above it, and not only by interpolation."""
    if not any("histogram_quantile" in expression for expression in panel.expressions):
        return
    [edges] = {_EDGES.get(name, OPERATION_BUCKETS) for name in _MEASURED.findall(panel.expressions[0])}
    limits = {step["value"] for step in panel.json["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]}

    assert limits
    assert limits <= set(edges)
