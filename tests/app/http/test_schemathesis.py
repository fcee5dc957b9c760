"""The live service against its own OpenAPI document, with requests made up from it."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import Phase, assume, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from app.controllers.feed import MAX_WAIT_SECONDS
from app.settings.model import RESERVED_PROVIDER_NAMES
from providers.limits import MAX_USER_ID_CHARS
from tests.support.document import openapi_document
from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service


def shallow(document: dict[str, Any]) -> dict[str, Any]:
    """Let conditions hold no other conditions but two plain ones: made up without end they take minutes."""
    schemas = document["components"]["schemas"]
    plain = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Eq", "Gt")]}
    schemas["And"]["properties"]["all"]["items"] = plain
    schemas["Or"]["properties"]["any"]["items"] = plain
    schemas["Not"]["properties"]["that"] = plain
    return document


@schemathesis.serializer("application/x-ndjson", "application/octet-stream")
def serialize_lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:  # noqa: ANN401 - whatever is made up
    """Send made-up lines as they are."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


# The operations must be known before anything runs; the live service makes its document in the same way.
# Without the mode: while writes are refused, nothing else would be found out about them.
DOCUMENT = schemathesis.openapi.from_dict(shallow(openapi_document())).exclude(path="/admin/mode")
DOCUMENT.config.phases.coverage.enabled = False  # two thousand cases: see test_schemathesis_edges.py

MAX_ADDRESS_BYTES = 65_534

EXCLUDED: list[Any] = [
    # Some rules cannot be said in JSON Schema: the bytes and depth of metadata, the nodes of a condition, that a cursor
    # was given out here, that a text is not blank and holds no NUL. What breaks them fits the document and is refused.
    positive_data_acceptance,
]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A live service over PostgreSQL."""
    with reachable_folder() as folder, running_service(folder, patience_for("native")) as started:
        yield started


@DOCUMENT.parametrize()
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_the_service_is_as_documented(service: Service, case: schemathesis.Case[Any]) -> None:
    """No request that the document allows, nor one that it forbids, is answered otherwise than it says."""
    check(service, case)


def check(service: Service, case: schemathesis.Case[Any], *, altered: bool = False) -> schemathesis.Response:
    """Ask, and return the answer after comparing it with the document.

    A case that was `altered` may fit the document, although it was made up not to.
    """
    # However it is made up, it is too short or too long to tell anything but how fast this machine is.
    case.headers.pop("X-Request-Timeout-Ms", None)
    if "X-User-ID" in case.headers:  # others would name other users, and be refused for that alone
        named = [case.query.pop("user_id", None)]
        if isinstance(case.body, dict):
            named.append(case.body.pop("user_id", None))
        # What was wrong may have been that name alone.
        altered = altered or any(user is not None and not _is_user(user) for user in named)
    # So long an answer may wait for a change, and the client does not wait for the answer.
    if case.query.get("wait") in range(2, MAX_WAIT_SECONDS + 1):
        case.query["wait"] = 1
    case.headers.pop("Prefer", None)  # what is none of our preferences is ignored, and no mistake
    # A path without a placeholder goes before one with it: what is asked for then is another operation.
    assume(not (set(case.path_parameters.values()) & set(RESERVED_PROVIDER_NAMES)))

    response = case.call(base_url=service.url)

    if response.status_code == 414:  # as `deploy/docs/api.md` says of every address; nothing of the request was read
        assert len(response.request.path_url) > MAX_ADDRESS_BYTES
        assert response.content == b""
        return response
    # A wrong item of a batch is refused in its place among the results, and the request as a whole is answered.
    refused = case.path.endswith("/batch") and response.status_code == 200 and response.json()["failed"] > 0
    accepted = [*EXCLUDED, negative_data_rejection] if refused or altered else EXCLUDED
    case.validate_response(response, excluded_checks=accepted)
    return response


def _is_user(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_USER_ID_CHARS
