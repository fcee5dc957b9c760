"""Rules in which time passes faster are the rules of the product but for their durations."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.faster import durations_replaced, faster, seconds_of

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
FACTOR = 60


def rules(name: str) -> dict[str, Any]:
    """A file of the product's."""
    parsed: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return parsed


@pytest.mark.parametrize("name", ["rules.yaml", "alerts.yaml"])
def test_nothing_but_durations_is_another(name: str) -> None:
    """With every duration set back to what it was, each rule is as it stands in its file."""
    original = [rule for group in rules(name)["groups"] for rule in group["rules"]]
    scaled = [rule for group in faster(rules(name), FACTOR)["groups"] for rule in group["rules"]]

    for before, after in zip(original, scaled, strict=True):
        expected = durations_replaced(
            before["expr"], lambda seconds: f"{round(1000 * seconds / FACTOR)}ms", lambda limit: f"({limit} / {FACTOR})"
        )
        assert after["expr"] == expected
        assert {key: value for key, value in after.items() if key not in {"expr", "for"}} == {
            key: value for key, value in before.items() if key not in {"expr", "for"}
        }
        assert ("for" in before) == ("for" in after)
        if "for" in before:
            assert float(after["for"].removesuffix("ms")) == 1000 * seconds_of(before["for"]) / FACTOR


def test_durations_and_limits_of_ages_are_found() -> None:
    """Windows, offsets and seconds that are compared with an age; names, shares and counts stay."""
    expression = """
        job:ninai_requests_failed:ratio_rate5m > (14.4 * 0.001)
        and max_over_time(ninai_breaker_state{state="open"}[5m]) == 1
        and max by (job) (ninai_embeddings_waiting offset 30m) > 300
        and max by (job) (ninai_journal_oldest_pending_seconds) > 300
    """

    assert (
        durations_replaced(expression, lambda seconds: f"<{seconds:g}>", lambda limit: f"<{limit}>")
        == """
        job:ninai_requests_failed:ratio_rate5m > (14.4 * 0.001)
        and max_over_time(ninai_breaker_state{state="open"}[<300>]) == 1
        and max by (job) (ninai_embeddings_waiting offset <1800>) > 300
        and max by (job) (ninai_journal_oldest_pending_seconds) > <300>
    """
    )


@pytest.mark.parametrize("name", ["rules.yaml", "alerts.yaml"])
def test_no_duration_is_overlooked(name: str) -> None:
    """Where all that were found are taken out, nothing is left that looks like one."""
    for group in rules(name)["groups"]:
        for rule in group["rules"]:
            left = durations_replaced(rule["expr"], lambda _: "", lambda _: "")
            assert not [word for word in left.replace("[", " ").replace("]", " ").split() if _is_duration(word)]


def _is_duration(word: str) -> bool:
    return word[:-1].isdigit() and word[-1] in "smhdwy"
