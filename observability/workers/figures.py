"""The metrics of one process as plain values, which can be sent and saved."""

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar, Sample


class SampleExemplar(Struct, array_like=True, frozen=True):
    """Hold an exemplar; `at` is seconds since 1970."""

    labels: dict[str, str]
    value: float
    at: float


class Figure(Struct, array_like=True, frozen=True):
    """Hold one sample of a family."""

    name: str
    labels: dict[str, str]
    value: float
    exemplar: SampleExemplar | None = None


class Family(Struct, array_like=True, frozen=True):
    """Hold all samples of one metric name, with the client's names for the parts."""

    name: str
    documentation: str
    type: str
    figures: list[Figure]


class Figures(Struct, array_like=True, frozen=True):
    """Hold all metrics of a process; `of` names the workers that they come from, if there are several."""

    families: list[Family]
    of: list[str] = []


_decoder = msgspec.msgpack.Decoder(Figures)
encode = msgspec.msgpack.Encoder().encode


def decode(data: bytes) -> Figures:
    """Decode what `encode` wrote.

    Raises:
        msgspec.MsgspecError: the data is something else, or incomplete.
    """
    return _decoder.decode(data)


def figures_of(registry: CollectorRegistry) -> Figures:
    """Read all metrics of a registry."""
    return Figures([_family(metric) for metric in registry.collect()])


def registry_of(families: list[Family]) -> CollectorRegistry:
    """Return a registry of families, to be rendered."""
    registry = CollectorRegistry()
    registry.register(_Families(families))
    return registry


class _Families:
    """Collect families for a registry."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """Return them as the client's own values."""
        return [_metric(family) for family in self._families]


def _family(metric: Metric) -> Family:
    figures = [
        Figure(sample.name, sample.labels, float(sample.value), _sample_exemplar(sample.exemplar))
        for sample in metric.samples
    ]
    return Family(metric.name, metric.documentation, metric.type, figures)


def _sample_exemplar(exemplar: Exemplar | None) -> SampleExemplar | None:
    if exemplar is None:
        return None
    return SampleExemplar(dict(exemplar.labels), exemplar.value, float(exemplar.timestamp or 0.0))


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.documentation, family.type)
    metric.samples = [
        Sample(figure.name, figure.labels, figure.value, None, _exemplar(figure.exemplar)) for figure in family.figures
    ]
    return metric


def _exemplar(sample: SampleExemplar | None) -> Exemplar | None:
    return None if sample is None else Exemplar(sample.labels, sample.value, sample.at)
