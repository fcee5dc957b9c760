"""Tracing is off until a collector is named; what cannot be one, or cannot be told to one, is refused."""

import subprocess
import sys

import pytest

from app.settings import Settings, TracingSettings
from observability.secret import Secret
from tests.app.settings.configuration import Configuration

COLLECTOR = "http://collector:4318"


def test_it_is_off_by_default() -> None:
    """Without any configuration nothing is sent anywhere."""
    assert Settings().tracing == TracingSettings(
        endpoint=None, ratio=1.0, headers={}, service_name="ninaivalaigal", timeout=5.0
    )


@pytest.mark.parametrize("endpoint", [COLLECTOR, "https://otlp.example/base", "http://[::1]:4318/", "http://localhost"])
def test_a_collector_is_a_base_url(configuration: Configuration, endpoint: str) -> None:
    """Any server, with a path or without."""
    assert configuration.load(f'[tracing]\nendpoint = "{endpoint}"').settings.tracing.endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["collector:4317", "ftp://h", "http://u:p@h", "http://h/?a=1", "http://", ""])
def test_what_is_no_base_url_is_refused(configuration: Configuration, endpoint: str) -> None:
    """The error names the path, and says what is expected."""
    refusal = configuration.refusal(f'[tracing]\nendpoint = "{endpoint}"')

    assert refusal.startswith("$.tracing.endpoint: expected the base URL of a collector that speaks OTLP over HTTP")


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("ratio = 1.1", "$.tracing.ratio: expected float <= 1.0, got 1.1 (ninai.toml)"),
        ("ratio = -0.1", "$.tracing.ratio: expected float >= 0.0, got -0.1 (ninai.toml)"),
        ("timeout = 0", "$.tracing.timeout: expected float >= 0.1, got 0 (ninai.toml)"),
        ('service_name = ""', '$.tracing.service_name: expected str of length >= 1, got "" (ninai.toml)'),
        ('headers = "k"', "$.tracing.headers: expected a table, got a value (ninai.toml)"),
        ('headers = {":" = "k"}', '$.tracing.headers.":": expected the name of an HTTP header, got ":" (ninai.toml)'),
        ("headers = {a = 1}", "$.tracing.headers.a: expected str, got ******** (ninai.toml)"),
        ('headers = {a = ""}', "$.tracing.headers.a: expected printable ASCII, as a header can carry (ninai.toml)"),
        (
            'headers = {a = "\\n"}',
            "$.tracing.headers.a: expected printable ASCII, as a header can carry (ninai.toml)",
        ),
        ("rate = 1", '$.tracing.rate: unknown key, did you mean "ratio"? (ninai.toml)'),
    ],
)
def test_nonsense_is_refused(configuration: Configuration, toml: str, expected: str) -> None:
    """What no collector could be told is an error with its path."""
    assert configuration.refusal(f"[tracing]\n{toml}") == expected


def test_the_variables_of_opentelemetry(configuration: Configuration) -> None:
    """The endpoint, its headers and the name of the service may be given as every other exporter is given them."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR,
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20a%3D%3D, x-team = k ,",
        "OTEL_SERVICE_NAME": "memories",
    }

    tracing = configuration.load(environ=environ).settings.tracing

    assert tracing == TracingSettings(
        endpoint=COLLECTOR,
        headers={"authorization": Secret("Basic a=="), "x-team": Secret("k")},
        service_name="memories",
    )


def test_our_own_variables_win(configuration: Configuration) -> None:
    """NINAI__ stands above OpenTelemetry's variables, and those above the file."""
    toml = '[tracing]\nendpoint = "http://file"\nservice_name = "file"'
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel",
        "OTEL_SERVICE_NAME": "otel",
        "NINAI__TRACING__ENDPOINT": "http://own",
    }

    tracing = configuration.load(toml, environ).settings.tracing

    assert (tracing.endpoint, tracing.service_name) == ("http://own", "otel")


def test_headers_that_are_none_are_refused(configuration: Configuration) -> None:
    """Without what they hold, which may be a key."""
    refusal = configuration.refusal(environ={"OTEL_EXPORTER_OTLP_HEADERS": "Bearer canary"})

    assert refusal == "$.tracing.headers: expected NAME=VALUE, separated by commas (OTEL_EXPORTER_OTLP_HEADERS)"


def test_headers_are_masked(configuration: Configuration) -> None:
    """What the collector is told to let us in is shown nowhere."""
    loaded = configuration.load('[tracing.headers]\nauthorization = "canary"')

    assert {leaf.path: leaf.value for leaf in loaded.leaves()}["tracing.headers.authorization"] == "********"
    assert "canary" not in repr(loaded)


def test_a_missing_package_is_named() -> None:
    """Where the optional packages are missing, asking for tracing says what to install; without, nothing is missed."""
    program = f"""
import sys
sys.modules["opentelemetry"] = None
from app.settings import ConfigError, load
load(None, {{}})
try:
    load(None, {{"OTEL_EXPORTER_OTLP_ENDPOINT": "{COLLECTOR}"}})
except ConfigError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own program

    expected = "$.tracing.endpoint: tracing is not installed: pip install 'ninaivalaigal[tracing]'"
    assert told.stdout.strip() == f"{expected} (OTEL_EXPORTER_OTLP_ENDPOINT)"
