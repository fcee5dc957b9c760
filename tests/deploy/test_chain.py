"""The chain of PostgreSQL and mem0 that the README starts: from one file of settings, and from one of containers."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.process.draining import STOP_SECONDS
from app.settings import load
from providers.mem0.settings import Mem0Settings
from providers.native.settings import NativeSettings
from providers.opensearch.settings import OpenSearchSettings
from providers.pinecone.settings import PineconeSettings
from providers.redis.settings import RedisSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
HASH = f"sha256:{'0' * 64}"


def services(**others: str) -> dict[str, Any]:
    """The services of the compose file, by name, with values for its variables."""
    values = {"NINAI_KEY_HASH": HASH, "NINAI_PEPPER": "p" * 32, "MEM0_API_KEY": "shared", "OPENAI_API_KEY": "sk-1"}
    values |= others
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    filled = re.sub(r"\$\{(\w+)(?::[?-]([^}]*))?\}", lambda found: values.get(found[1], found[2] or ""), text)
    parsed: dict[str, Any] = yaml.safe_load(filled)
    found: dict[str, Any] = parsed["services"]
    return found


def test_the_file_makes_a_chain_of_postgresql_and_mem0() -> None:
    """Home is PostgreSQL, the standby mem0's own server, whose key comes from the environment."""
    settings = load(DEPLOY / "chain.toml", {"MEM0_API_KEY": "k"}).settings

    home, standby = (settings.providers[name] for name in settings.order)
    assert isinstance(home, NativeSettings)
    assert isinstance(standby, Mem0Settings)
    assert (standby.base_url, standby.dialect) == ("http://localhost:8888", "oss")
    assert standby.api_key is not None
    assert standby.api_key.reveal() == "k"


def test_the_containers_make_the_same_chain() -> None:
    """The service's environment is a valid configuration that reaches the other services by their names."""
    every = services()
    settings = load(None, every["ninai"]["environment"]).settings

    native, mem0 = settings.providers["native"], settings.providers["mem0"]
    assert settings.order == ["native", "mem0"]
    assert isinstance(native, NativeSettings)
    assert native.dsn is not None
    assert "@postgres/" in native.dsn.reveal()
    assert isinstance(mem0, Mem0Settings)
    assert mem0.base_url == "http://mem0:8000"
    assert {"postgres", "mem0", "mem0-postgres"} < set(every)


def test_the_containers_may_have_an_opensearch_as_well() -> None:
    """Which stays away unless its profile is asked for, and is then reached by its name."""
    every = services(NINAI_ORDER="native,mem0,opensearch")
    settings = load(None, every["ninai"]["environment"]).settings

    opensearch = settings.providers["opensearch"]
    assert settings.order == ["native", "mem0", "opensearch"]
    assert isinstance(opensearch, OpenSearchSettings)
    assert opensearch.url.reveal() == "http://opensearch:9200"
    assert every["opensearch"]["profiles"] == ["opensearch"]
    assert "profiles" not in every["mem0"]


def test_the_containers_may_have_a_pinecone_as_well() -> None:
    """Whose host and key are variables, and which the journal of the chain allows."""
    variables = {"PINECONE_HOST": "https://index.svc.pinecone.io", "PINECONE_API_KEY": "secret"}
    every = services(NINAI_ORDER="native,mem0,pinecone", **variables)
    settings = load(None, every["ninai"]["environment"]).settings

    pinecone = settings.providers["pinecone"]
    assert settings.order == ["native", "mem0", "pinecone"]
    assert isinstance(pinecone, PineconeSettings)
    assert pinecone.host == variables["PINECONE_HOST"]
    assert pinecone.api_key is not None
    assert pinecone.api_key.reveal() == "secret"


@pytest.mark.parametrize(
    ("name", "standby"),
    [("redis", RedisSettings()), ("opensearch", OpenSearchSettings()), ("pinecone", PineconeSettings())],
)
def test_each_further_store_has_an_example(
    name: str, standby: RedisSettings | OpenSearchSettings | PineconeSettings
) -> None:
    """A chain in which it stands by, on this host."""
    settings = load(DEPLOY / f"{name}.toml", {}).settings

    assert settings.order == ["native", name]
    assert settings.providers[name] == standby


def test_the_container_is_given_the_time_to_stop() -> None:
    """For requests under way, and then to close."""
    service = services()["ninai"]
    drain = load(None, service["environment"]).settings.server.drain

    assert float(service["stop_grace_period"].removesuffix("s")) >= drain + STOP_SECONDS + 10


def test_ninai_and_mem0_share_a_key() -> None:
    """What one sends is what the other asks for."""
    every = services()

    sent = every["ninai"]["environment"]["NINAI__PROVIDERS__MEM0__API_KEY"]
    assert sent == every["mem0"]["environment"]["ADMIN_API_KEY"] == "shared"


def test_home_and_standby_have_databases_of_their_own() -> None:
    """What takes one of them down leaves the other."""
    every = services()

    assert every["mem0"]["environment"]["POSTGRES_HOST"] == "mem0-postgres"
    assert not set(every["postgres"]["volumes"]) & set(every["mem0-postgres"]["volumes"])


def test_mem0s_database_gets_its_indexes() -> None:
    """By somebody who may, on the database that mem0 uses, and with the settings in force from the beginning."""
    every = services()
    indexes, database = every["mem0-indexes"], every["mem0-postgres"]

    assert indexes["environment"]["PGHOST"] == every["mem0"]["environment"]["POSTGRES_HOST"]
    assert indexes["environment"]["PGPASSWORD"] == database["environment"]["POSTGRES_PASSWORD"]
    assert indexes["environment"]["PGDATABASE"] == every["mem0"]["environment"]["POSTGRES_DB"]
    asked = (DEPLOY / "mem0" / "database.sql").read_text("utf-8")
    given = [part for part in database["command"] if "=" in part]
    assert len(given) == 2
    assert [part for part in given if part.replace("=", " = ") not in asked] == []


def test_what_is_mounted_is_there() -> None:
    """Every file and folder that a container is given exists beside the compose file."""
    mounted = [
        volume.split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    ]

    assert len(mounted) == 5
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []


def test_the_containers_are_watched() -> None:
    """Prometheus scrapes the service, tells the Alertmanager beside it, and is where Grafana looks for it."""
    watching = yaml.safe_load((DEPLOY / "prometheus" / "prometheus-for-compose.yml").read_text("utf-8"))
    alone = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    grafana = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))

    [job] = watching["scrape_configs"]
    [manager] = watching["alerting"]["alertmanagers"]
    assert job["static_configs"] == [{"targets": ["ninai:8000"]}]
    assert manager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert grafana["datasources"][0]["url"] == "http://prometheus:9090"
    assert {"ninai", "prometheus", "alertmanager", "grafana"} < set(services())
    assert watching["rule_files"] == alone["rule_files"]
