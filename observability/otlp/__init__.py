"""Sending spans to a collector over OTLP/HTTP: the one package that knows OpenTelemetry."""

from importlib.util import find_spec


def installed() -> bool:
    """Tell whether what this needs is there."""
    try:
        return all(find_spec(f"opentelemetry.{part}") for part in ("sdk", "exporter.otlp.proto.http"))
    except ModuleNotFoundError:  # the package in which it would be
        return False
