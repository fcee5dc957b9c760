"""The package beside the document of the API: what the service takes of users, the client gives."""

from typing import Any, is_typeddict

import pytest

from ninaivalaigal import operations, options
from ninaivalaigal.calls import Call
from tests.support.document import openapi_document

# By the path alone, in whose place the client uses those that have the key in the body.
IN_THE_BODY = {f"{method} /memory/keys/{{key}}" for method in ("GET", "PUT", "DELETE")}
CALLS: dict[str, Call[Any]] = {
    "POST /memory/remember": operations.remember("x"),
    "POST /memory/remember/batch": operations.remember_batch([]),
    "POST /memory/recall": operations.recall("x"),
    "POST /memory/recall/batch": operations.recall_batch([]),
    "POST /memory/list": operations.query_memories(),
    "GET /memory/memories": operations.list_memories(),
    "DELETE /memory/memories": operations.delete_everything(),
    "GET /memory/memories/{memory_id}": operations.get("{memory_id}"),
    "PATCH /memory/memories/{memory_id}": operations.update("{memory_id}"),
    "DELETE /memory/memories/{memory_id}": operations.delete("{memory_id}"),
    "GET /memory/memories/{memory_id}/history": operations.history("{memory_id}"),
    "POST /memory/memories/{memory_id}/history/{version}/restore": operations.restore("{memory_id}", "{version}"),
    "POST /memory/update/batch": operations.update_batch([]),
    "POST /memory/delete/batch": operations.delete_batch([]),
    "GET /memory/export": operations.export(),
    "POST /memory/import": operations.import_lines(b""),
    "GET /memory/erasures/{erasure_id}": operations.erasure("{erasure_id}"),
    "GET /memory/changes": operations.changes(),
    "GET /memory/health": operations.health(),
    "POST /memory/keys/put": operations.put_by_key("x", "x"),
    "POST /memory/keys/get": operations.get_by_key("x"),
    "POST /memory/keys/delete": operations.delete_by_key("x"),
    "POST /memory/keys/list": operations.list_keys(),
    "POST /memory/keys/rename": operations.rename_keys("x", "y"),
}


def document() -> dict[str, Any]:
    """The document as the service shows it."""
    return openapi_document()


def test_every_route_of_users_is_called() -> None:
    """By a method and a path that the document has."""
    served = {
        f"{method.upper()} {path}"
        for path, methods in document()["paths"].items()
        for method in methods
        if path.startswith("/memory/") and method in {"get", "post", "put", "patch", "delete"}
    }

    assert set(CALLS) == served - IN_THE_BODY
    for route, call in CALLS.items():
        assert f"{call.method} {call.path.replace('%7B', '{').replace('%7D', '}')}" == route


@pytest.mark.parametrize(
    ("schema", "taken", "others"),
    [
        ("RecallRequest", options.Question, set[str]()),
        ("RecallRequest", options.RecallOptions, {"query"}),
        ("BatchedMemory", options.NewMemory, set[str]()),
        ("RememberOneRequest", options.RememberOptions, {"content", "messages", "user_id"}),
        ("ListRequest", options.ListOptions, {"user_id"}),
        ("UpdateRequest", options.UpdateOptions, {"user_id"}),
        ("PutKeyRequest", options.PutOptions, {"key", "content", "user_id"}),
    ],
)
def test_every_field_of_a_request_is_an_argument(schema: str, taken: type, others: set[str]) -> None:
    """But for those that stand before the others, and the user, who is an option of each call."""
    assert is_typeddict(taken)
    fields = set(document()["components"]["schemas"][schema]["properties"])

    assert fields - set(taken.__annotations__) == others


@pytest.mark.parametrize("path", ["/memory/memories", "/memory/export"])
def test_every_parameter_of_a_query_is_an_argument(path: str) -> None:
    """As of the bodies."""
    parameters = {one["name"] for one in document()["paths"][path]["get"]["parameters"] if one["in"] == "query"}
    taken = options.ListOptions if path == "/memory/memories" else options.ExportOptions

    assert parameters - set(taken.__annotations__) == {"user_id"}
