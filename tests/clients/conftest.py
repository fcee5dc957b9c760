"""A live service, and its OpenAPI document in a file, for clients that are generated from it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.document import openapi_document
from tests.support.service import Service, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A live service that keeps memories in its own memory."""
    with running_service(tmp_path_factory.mktemp("service"), {"MEMORY_PROVIDER": "mock"}) as started:
        yield started


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """The document, as a client would save it."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(openapi_document()))
    return path
