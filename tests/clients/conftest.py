"""Live services, for clients that are generated from the OpenAPI document, and for other people's."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from app.auth.keys import hash_key, new_key
from tests.clients.environments import npm_answers
from tests.support.document import openapi_document
from tests.support.service import Service, running_service


class Reached(Struct, frozen=True):
    """Where the service is, and a key that may choose its user."""

    url: str
    key: str


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A live service that keeps memories in its own memory."""
    with running_service(tmp_path_factory.mktemp("service"), {"MEMORY_PROVIDER": "mock"}) as started:
        yield started


@pytest.fixture(scope="session")
def npm_registry() -> None:
    """Skip what needs packages for Node where their registry cannot be reached."""
    if not npm_answers():
        pytest.skip("npm does not reach its registry")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """The document, as a client would save it."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(openapi_document()))
    return path


@pytest.fixture(scope="session")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    """A service with keys, over memory alone."""
    key = new_key("free")
    variables = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__FREE__HASH": hash_key(key),
    }
    with running_service(tmp_path_factory.mktemp("clients"), variables) as service:
        yield Reached(service.url, key)
