"""The containers of deploy/replicas: three replicas of one configuration, and HAProxy that finds each of them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.process.draining import STOP_SECONDS
from app.settings import load
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.native.settings import NativeSettings
from tests.support.haproxy import BY_USER

FOLDER = Path(__file__).parents[2] / "deploy" / "replicas"
REPLICAS = ("one", "two", "three")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file, with a value for the variable that it needs."""
    text = (FOLDER / "compose.yaml").read_text("utf-8")
    values = {"NINAI_PEPPER": "p" * 32}
    filled = re.sub(r"\$\{(\w+)(?::[?-]([^}]*))?\}", lambda found: values.get(found[1], found[2] or ""), text)
    parsed: dict[str, Any] = yaml.safe_load(filled)
    return parsed


def test_replicas_are_alike(compose: dict[str, Any]) -> None:
    """But for their addresses; none keeps anything in a place of its own."""
    alike = [{**compose["services"][name], "networks": None} for name in REPLICAS]

    assert alike[0] == alike[1] == alike[2]
    named = [volume.partition(":")[0] for volume in alike[0]["volumes"] if not volume.startswith(".")]
    assert named == ["shared"]


def test_they_can_start_and_share_what_they_must(compose: dict[str, Any], tmp_path: Path) -> None:
    """Their loader takes file and environment: two homes, a journal elsewhere, keys and orders in the common folder."""
    environ = dict(compose["services"]["one"]["environment"])
    common = tmp_path / "shared"
    common.mkdir()
    (common / "keys.json").write_text("{}")
    file = tmp_path / "ninai.toml"
    text = (FOLDER / "config" / Path(environ.pop("NINAI_CONFIG")).name).read_text("utf-8")
    file.write_text(text.replace('"/shared"', f'"{common}"'))

    settings = load(file, environ).settings

    home, standby = (settings.providers[name] for name in settings.order)
    assert isinstance(home, NativeSettings)
    assert isinstance(standby, NativeSettings)
    assert isinstance(settings.journal, PostgresJournalSettings)
    dsns = [dsn.reveal() for dsn in (home.dsn, standby.dsn, settings.journal.dsn) if dsn is not None]
    hosts = [re.findall(r"@(\w+)/", dsn)[0] for dsn in dsns]
    assert hosts == ["home", "standby", "journal"]
    assert set(hosts) < set(compose["services"])
    assert settings.common_dir == common
    assert f'"{compose["services"]["one"]["volumes"][1].partition(":")[2]}"' in text
    grace = int(compose["services"]["one"]["stop_grace_period"].removesuffix("s"))
    assert grace > settings.server.drain + STOP_SECONDS


def test_haproxy_finds_each_of_them(compose: dict[str, Any]) -> None:
    """At the address that the replica has, by the variables that the configuration asks for."""
    services = compose["services"]
    told = services["haproxy"]["environment"]
    asked = set(re.findall(r"presetenv (\w+)", BY_USER.read_text("utf-8")))

    assert set(told) == asked
    for name in REPLICAS:
        [address] = [network["ipv4_address"] for network in services[name]["networks"].values()]
        assert told[f"NINAI_{name.upper()}"] == f"{address}:8000"
        assert address.startswith(compose["networks"]["default"]["ipam"]["config"][0]["subnet"].rpartition(".")[0])


def test_what_is_mounted_is_there(compose: dict[str, Any]) -> None:
    """Each file and folder beside the compose file, each volume in it, and the common folder in the image."""
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            place = volume.split(":")[0]
            assert (FOLDER / place).exists() if place.startswith(".") else place in compose["volumes"]
    image = (FOLDER.parent / "Dockerfile").read_text("utf-8")
    assert re.search(r"install -d -o ninai -g ninai [^&\n]*/shared$", image, re.MULTILINE)
