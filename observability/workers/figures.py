"""The metrics of one process as plain values, which can be sent and kept."""

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar, Sample


class SampleExemplar(Struct, array_like=True, frozen=True):
    """An exemplar; `at` is seconds since 1970."""

    labels: dict[str, str]
    value: float
    at: float


class Figure(Struct, array_like=True, frozen=True):
    """One sample of a family."""

    name: str
    labels: dict[str, str]
    value: float
    exemplar: SampleExemplar | None = None


class Family(Struct, array_like=True, frozen=True):
    """Everything of one name, as the client calls its parts."""

    name: str
    documentation: str
    type: str
    figures: list[Figure]


class Figures(Struct, array_like=True, frozen=True):
    """All metrics of a process; `of` are the workers whose they are, if they are those of several."""

    families: list[Family]
    of: list[str] = []


_decoder = msgspec.msgpack.Decoder(Figures)
encode = msgspec.msgpack.Encoder().encode


def decode(data: bytes) -> Figures:
    """Read what `encode` wrote.

    Raises:
        msgspec.MsgspecError: it is something else, or half of it.
    """
    return _decoder.decode(data)


def figures_of(registry: CollectorRegistry) -> Figures:
    """Read everything off a registry."""
    return Figures([_family(metric) for metric in registry.collect()])


def registry_of(families: list[Family]) -> CollectorRegistry:
    """Give families to whoever wants to encode them."""
    registry = CollectorRegistry()
    registry.register(_Families(families))
    return registry


class _Families:
    """What a registry asks for its metrics."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """Give them as the client's own values."""
        return [_metric(family) for family in self._families]


def _family(metric: Metric) -> Family:
    figures = [
        Figure(sample.name, sample.labels, float(sample.value), _told(sample.exemplar)) for sample in metric.samples
    ]
    return Family(metric.name, metric.documentation, metric.type, figures)


def _told(exemplar: Exemplar | None) -> SampleExemplar | None:
    if exemplar is None:
        return None
    return SampleExemplar(dict(exemplar.labels), exemplar.value, float(exemplar.timestamp or 0.0))


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.documentation, family.type)
    metric.samples = [
        Sample(figure.name, figure.labels, figure.value, None, _exemplar(figure.exemplar)) for figure in family.figures
    ]
    return metric


def _exemplar(told: SampleExemplar | None) -> Exemplar | None:
    return None if told is None else Exemplar(told.labels, told.value, told.at)
