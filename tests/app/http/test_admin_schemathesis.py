"""The admin API of a live chain against the OpenAPI document, with requests made up from it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.chains import two_providers
from tests.support.document import openapi_document
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

DOCUMENT = schemathesis.openapi.from_dict(openapi_document()).include(path_regex="^/admin/")
DOCUMENT.config.phases.coverage.enabled = False  # as for the whole document

EXCLUDED: list[Any] = [
    # That a letter is only discarded when that is confirmed cannot be said in JSON Schema.
    positive_data_acceptance,
]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A live service over two providers, with a journal."""
    with reachable_folder() as folder, running_service(folder, two_providers(folder / "data")) as started:
        yield started


@pytest.mark.thorough
@DOCUMENT.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_a_chain_is_as_documented(service: Service, case: schemathesis.Case[Any]) -> None:
    """What an operator is told of a chain and its journal is what the document says."""
    if "name" in case.path_parameters:
        case.path_parameters["name"] = "b"  # made up, it would never be one that there is

    case.query.pop("wait", None)  # the feed would wait for as long
    case.headers.pop("Last-Event-ID", None)  # of streams alone

    # A breaker that was forced open before makes it impossible to compare stores, and a mode without writes to erase.
    for path, usual in (("providers/b/breaker", {"state": "auto"}), ("mode", {"mode": "read_write"})):
        httpx.put(f"{service.url}/admin/{path}", json=usual, trust_env=False).raise_for_status()

    response = case.call(base_url=service.url)
    if response.status_code != 414:  # the server's own word, which no document of the service tells of
        case.validate_response(response, excluded_checks=EXCLUDED)
