"""Exporting spans to a collector over OTLP/HTTP: the one package that knows OpenTelemetry."""

from importlib.util import find_spec


def installed() -> bool:
    """Return whether the libraries that this needs are installed."""
    try:
        return all(find_spec(f"opentelemetry.{part}") for part in ("sdk", "exporter.otlp.proto.http"))
    except ModuleNotFoundError:  # the parent package is missing
        return False
