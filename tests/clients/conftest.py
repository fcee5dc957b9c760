"""A service that other people's clients call."""

from collections.abc import Iterator

import pytest
from msgspec import Struct

from app.auth.keys import hash_key, new_key
from tests.support.service import running_service


class Reached(Struct, frozen=True):
    """Where the service is, and a key that may choose its user."""

    url: str
    key: str


@pytest.fixture(scope="session")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    """A service with keys, over memory alone."""
    key = new_key()
    variables = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__FREE__HASH": hash_key(key),
    }
    with running_service(tmp_path_factory.mktemp("clients"), variables) as service:
        yield Reached(service.url, key)
