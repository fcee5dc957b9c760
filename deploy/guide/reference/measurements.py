"""The reference of all metrics, from the instruments themselves."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from deploy.guide.reference.docstrings import about
from observability.metrics import Metrics

_ENDINGS = {"counter": "_total", "info": "_info"}

_HEAD = """# Measurements

Every metric of `/metrics`, by subject, with its type, its labels, and what it says. A histogram has the series
`_bucket`, `_sum` and `_count`. [Metrics](metrics.md) says which of them to look at first.

This page is made from the code by `make reference`.
"""


def measurements_page() -> str:
    """Return the page."""
    return _HEAD + "".join(_section(subject, made) for subject, made in _by_subject())


def _by_subject() -> Iterator[tuple[type, list[MetricWrapperBase]]]:
    """Yield the instruments of each part of `Metrics`, in the order in which they are made."""
    for subject in Metrics.__bases__:
        made = vars(subject(CollectorRegistry())).values()
        yield subject, [instrument for instrument in made if isinstance(instrument, MetricWrapperBase)]


def _section(subject: type, instruments: list[MetricWrapperBase]) -> str:
    title = subject.__name__.removesuffix("Metrics")
    rows = "".join(_row(instrument) for instrument in instruments)
    return f"\n## {title}\n\n{about(subject)}\n\n| metric | type | labels | says |\n|---|---|---|---|\n{rows}"


def _row(instrument: MetricWrapperBase) -> str:
    [described] = instrument.describe()
    labels = ", ".join(f"`{label}`" for label in instrument._labelnames)  # noqa: SLF001 - only a counted child shows them
    name = described.name + _ENDINGS.get(described.type, "")
    return f"| `{name}` | {described.type} | {labels} | {described.documentation.replace('|', chr(92) + '|')} |\n"
