"""The OpenAPI document and the page that shows it."""

import re
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from app import __version__
from app.controllers.docs import CONTENT_SECURITY_POLICY
from app.http.answers import HIDDEN
from app.main import create_app
from app.settings import Settings

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
READS = {"200", "400", "401", "403", "422", "429", "503"}
BODIES = READS | {"408", "413", "415"}
CONDITIONAL = {"202", "412", "501"}
OPERATOR = {"200", "400", "401", "403", "422"}
JOURNAL = OPERATOR | {"404", "503"}
OPERATIONS = {
    ("post", "/memory/remember"): BODIES | {"202", "409", "410"},
    ("post", "/memory/remember/batch"): BODIES | {"202"},
    ("post", "/memory/recall"): BODIES | {"409"},
    ("post", "/memory/recall/batch"): BODIES | {"409"},
    ("post", "/memory/list"): BODIES | {"409"},
    ("post", "/memory/update/batch"): BODIES | {"202"},
    ("post", "/memory/delete/batch"): BODIES | {"202"},
    ("post", "/memory/import"): BODIES | {"202"},
    ("get", "/memory/export"): READS | {"409"},
    ("get", "/memory/memories"): READS | {"409"},
    ("get", "/memory/changes"): READS | {"409", "501"},
    ("delete", "/memory/memories"): READS | {"202"},
    ("get", "/memory/memories/{memory_id}"): READS | {"304", "404", "409"},
    ("patch", "/memory/memories/{memory_id}"): BODIES | {"404", "409"} | CONDITIONAL,
    ("delete", "/memory/memories/{memory_id}"): READS | {"404"} | CONDITIONAL,
    ("get", "/memory/memories/{memory_id}/history"): READS | {"404", "409", "501"},
    ("post", "/memory/memories/{memory_id}/history/{version}/restore"): READS | {"404", "409"} | CONDITIONAL,
    ("put", "/memory/keys/{key}"): BODIES | {"409", "410"} | CONDITIONAL,
    ("get", "/memory/keys/{key}"): READS | {"304", "404", "409"},
    ("delete", "/memory/keys/{key}"): READS | {"404"} | CONDITIONAL,
    ("post", "/memory/keys/put"): BODIES | {"409", "410"} | CONDITIONAL,
    ("post", "/memory/keys/get"): BODIES | {"404", "409"},
    ("post", "/memory/keys/delete"): BODIES | {"404"} | CONDITIONAL,
    ("post", "/memory/keys/rename"): BODIES | {"202", "404", "409"},
    ("post", "/memory/keys/list"): BODIES | {"409"},
    ("get", "/memory/health"): {"200", "401", "403", "503"},
    ("get", "/admin/providers"): OPERATOR,
    ("get", "/admin/providers/{name}"): OPERATOR | {"404"},
    ("put", "/admin/providers/{name}/breaker"): OPERATOR | {"404", "408", "413", "415"},
    ("get", "/admin/providers/order"): OPERATOR,
    ("put", "/admin/providers/order"): OPERATOR | {"408", "409", "413", "415"},
    ("get", "/admin/mode"): OPERATOR,
    ("put", "/admin/mode"): OPERATOR | {"408", "413", "415", "503"},
    ("get", "/admin/quarantines"): OPERATOR,
    ("post", "/admin/quarantines"): OPERATOR | {"408", "413", "415", "503"},
    ("delete", "/admin/quarantines/{quarantine_id}"): OPERATOR | {"404", "503"},
    ("get", "/admin/quarantines/{quarantine_id}/memories"): OPERATOR | {"404", "503"},
    ("get", "/admin/providers/{name}/differences"): JOURNAL | {"409"},
    ("post", "/admin/providers/{name}/merge"): JOURNAL | {"409"},
    ("get", "/admin/explain"): OPERATOR,
    ("get", "/admin/users"): OPERATOR | {"503"},
    ("delete", "/admin/users/{user_id}"): OPERATOR | {"202", "429", "503"},
    ("delete", "/admin/users"): OPERATOR | {"202", "429", "503"},
    ("get", "/admin/erasures"): OPERATOR | {"503"},
    ("get", "/admin/erasures/{erasure_id}"): OPERATOR | {"404", "503"},
    ("get", "/memory/erasures/{erasure_id}"): READS | {"404"},
    ("get", "/admin/usage"): OPERATOR | {"503"},
    ("get", "/admin/retention/plan"): OPERATOR | {"503"},
    ("get", "/admin/users/{user_id}/export"): OPERATOR | {"409", "503"},
    ("get", "/admin/export"): OPERATOR | {"409", "503"},
    ("get", "/admin/changes"): JOURNAL | {"409"},
    ("get", "/admin/journal"): JOURNAL,
    ("get", "/admin/journal/dead"): JOURNAL,
    ("post", "/admin/journal/dead/{seq}/{provider}/retry"): JOURNAL,
    ("delete", "/admin/journal/dead/{seq}/{provider}"): JOURNAL,
    ("get", "/livez"): {"200"},
    ("get", "/readyz"): {"200", "403", "503"},
}
MATCHES = {
    *((method, "/memory/memories/{memory_id}") for method in ("patch", "delete")),
    *((method, "/memory/keys/{key}") for method in ("put", "delete")),
    *(("post", f"/memory/keys/{name}") for name in ("put", "delete")),
    ("post", "/memory/memories/{memory_id}/history/{version}/restore"),
}
REVALIDATES = {("get", "/memory/memories/{memory_id}"), ("get", "/memory/keys/{key}")}
WRITES = {
    *(("post", f"/memory/{path}") for path in ("remember", "remember/batch", "update/batch", "delete/batch", "import")),
    ("delete", "/memory/memories"),
    ("post", "/memory/keys/rename"),
} | MATCHES
KINDS = {
    "eq": "Eq",
    "ne": "Ne",
    "in": "In",
    "gt": "Gt",
    "gte": "Gte",
    "lt": "Lt",
    "lte": "Lte",
    "between": "Between",
    "prefix": "Prefix",
    "contains": "Contains",
    "contains_any": "ContainsAny",
    "contains_all": "ContainsAll",
    "exists": "Exists",
    "and": "And",
    "or": "Or",
    "not": "Not",
}
NAMES_USER = {("delete", "/admin/users"), ("get", "/admin/export")}  # where an operator does, whom no path can name
STRICT = {
    *("BatchedMemory", "UpdateRequest", "RecallRequest", "RememberBatchRequest", "RecallBatchRequest"),
    *("RememberOneRequest", "Message", "ListRequest", "UpdateItem", "UpdateBatchRequest", "DeleteBatchRequest"),
    *KINDS.values(),
    *("SingleRecallRequest", "BreakerChange", "OrderRequest", "ModeRequest"),
    *("KeptRequest", "PutKeyRequest", "KeyRequest", "RenameRequest", "ListKeysRequest"),
    "QuarantineRequest",
}


def test_the_document_is_made_once_in_a_process() -> None:
    """However many applications it makes, whatever their settings: it takes long, and is the same for all."""
    settings = (Settings(recall_limit=5), Settings(recall_limit=20))
    documents = {id(create_app(one, CollectorRegistry()).state.document) for one in settings}

    assert len(documents) == 1


@pytest.fixture(scope="session")
async def document(mock_http: httpx.AsyncClient) -> dict[str, Any]:
    """The document as a client gets it."""
    response = await mock_http.get("/openapi.json")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = response.json()
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every operation by its method and path."""
    return {(method, path): one for path, item in document["paths"].items() for method, one in item.items()}


def is_memory_route(path: str) -> bool:
    """Whether a path leads to the memories of a user."""
    return path.startswith("/memory/") and path != "/memory/health"


def refers(value: Any, found: set[str]) -> set[str]:  # noqa: ANN401 - any JSON value
    """All that a part of the document refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            found.add(value["$ref"])
        for child in value.values():
            refers(child, found)
    elif isinstance(value, list):
        for child in value:
            refers(child, found)
    return found


def test_the_document_tells_its_version(document: dict[str, Any]) -> None:
    """It is OpenAPI 3.1, of this version of the service."""
    assert document["openapi"].startswith("3.1.")
    assert (document["info"]["title"], document["info"]["version"]) == ("ninaivalaigal", __version__)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """The document is whole by itself."""
    for reference in refers(document, set()):
        part: Any = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_every_operation_declares_its_answers(document: dict[str, Any]) -> None:
    """Every operation names each status that it answers with, no more and no less."""
    assert {key: set(one["responses"]) for key, one in operations(document).items()} == OPERATIONS


def test_every_problem_is_declared_as_one(document: dict[str, Any]) -> None:
    """What is no success is problem+json; an unhealthy service tells its health instead, and 304 nothing."""
    for (_, path), operation in operations(document).items():
        for status, response in operation["responses"].items():
            if status == "304":
                assert "content" not in response
            elif status not in {"200", "202"} and path not in {"/memory/health", "/readyz"}:
                assert response["content"] == PROBLEM
                assert response["description"]


def test_every_operation_is_explained(document: dict[str, Any]) -> None:
    """Every operation has a summary, an id of its own and a tag that is described."""
    tags = {tag["name"] for tag in document["tags"]}
    found = operations(document)
    for operation in found.values():
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        assert all(parameter["description"] for parameter in operation.get("parameters", ()))
    assert len({operation["operationId"] for operation in found.values()}) == len(found)


def test_what_takes_no_unknown_fields_says_so(document: dict[str, Any]) -> None:
    """Exactly the objects that a client sends are closed."""
    schemas = document["components"]["schemas"]

    assert {name for name, schema in schemas.items() if schema.get("additionalProperties") is False} == STRICT


def test_a_condition_is_chosen_by_its_op(document: dict[str, Any]) -> None:
    """There is one choice of conditions, which says what tells them apart, and the short form beside it."""
    schemas = document["components"]["schemas"]
    refs = {op: f"#/components/schemas/{name}" for op, name in KINDS.items()}

    assert schemas["Filter"]["discriminator"] == {"propertyName": "op", "mapping": refs}
    assert [choice["$ref"] for choice in schemas["Filter"]["oneOf"]] == list(refs.values())
    condition = {"$ref": "#/components/schemas/Condition"}
    for name in ("RecallRequest", "ListRequest"):
        assert schemas[name]["properties"]["where"]["oneOf"][0] == condition
    assert schemas["Not"]["properties"]["that"] == condition
    assert schemas["EqualFields"]["not"] == {"required": ["op"]}


def test_no_answer_has_what_only_orders_lists(document: dict[str, Any]) -> None:
    """A memory is documented as it is answered."""
    assert not {*HIDDEN} & document["components"]["schemas"]["MemoryRecord"]["properties"].keys()


def test_what_a_condition_compares_with_is_one_thing(document: dict[str, Any]) -> None:
    """A number is not two of the choices at once, which would make it none."""
    for name in ("Gt", "Gte", "Lt", "Lte"):
        value = document["components"]["schemas"][name]["properties"]["value"]
        assert value == {"oneOf": [{"type": "string"}, {"type": "number"}]}


def test_the_headers_are_documented(document: dict[str, Any]) -> None:
    """Every memory route takes `X-User-ID` and a time, writes a key and a wait, some a version, reads a session."""
    for key, operation in operations(document).items():
        headers = {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "header"}
        common = {"X-User-ID", "X-Request-Timeout-Ms"}
        asked = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        assert (is_memory_route(key[1]) or key in NAMES_USER) == ("user_id" in asked)
        own = {"Idempotency-Key", "Prefer"} if key in WRITES else {"Memory-Session"}
        own |= {"If-Match"} if key in MATCHES else set()
        own |= {"If-None-Match"} if key in REVALIDATES else set()
        own |= {"Last-Event-ID"} if key == ("get", "/memory/changes") else set()
        of_operators = {"Last-Event-ID"} if key == ("get", "/admin/changes") else set[str]()
        assert set(headers) == (common | own if is_memory_route(key[1]) else of_operators)
        assert not any(header["required"] for header in headers.values())


def test_a_stream_is_documented_beside_its_json(document: dict[str, Any]) -> None:
    """With an example of an event."""
    content = document["paths"]["/memory/changes"]["get"]["responses"]["200"]["content"]

    assert set(content) == {"application/json", "text/event-stream"}
    assert content["text/event-stream"]["schema"]["type"] == "string"
    assert "event: deleted" in content["text/event-stream"]["example"]


def test_ids_of_operations_are_names_of_methods(document: dict[str, Any]) -> None:
    """Short, as generated clients spell them."""
    ids = {key: operation["operationId"] for key, operation in operations(document).items()}

    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", one) and len(one) <= 20 for one in ids.values()), ids
    assert ids["post", "/memory/recall"] == "recall"
    assert ids["get", "/memory/memories/{memory_id}"] == "getMemory"


def test_summaries_are_single_sentences(document: dict[str, Any]) -> None:
    """What more there is to say is no part of them; what an answer holds is said of each."""
    for operation in operations(document).values():
        assert re.fullmatch(r"[A-Z][^.\n]+", operation["summary"])
        assert not operation["summary"].startswith(operation["operationId"])
        assert operation["responses"]["200"]["description"] != "Request fulfilled, document follows"


def test_defaults_stand_where_they_make_nothing_required(document: dict[str, Any]) -> None:
    """Generators of TypeScript take a field with a default for one that is always there."""
    for schema in document["components"]["schemas"].values():
        for name, field in schema.get("properties", {}).items():
            if "default" in field:
                assert field["default"] == field["const"]
                assert name in schema["required"]
    recall = document["components"]["schemas"]["SingleRecallRequest"]
    assert recall["required"] == ["query"]
    assert recall["properties"]["min_score"]["description"] == "By default 0.0."
    assert document["components"]["schemas"]["ReadyResponse"]["required"] == ["ready"]


def test_a_field_of_one_kind_is_no_choice(document: dict[str, Any]) -> None:
    """An integer is an integer, and no choice of one; a parameter that is absent is not null."""
    for schema in document["components"]["schemas"].values():
        assert all(len(field.get("oneOf", "ab")) > 1 for field in schema.get("properties", {}).values())
    for operation in operations(document).values():
        assert all("oneOf" not in one["schema"] for one in operation.get("parameters", ()))
    [timeout] = [
        one["schema"]
        for one in operations(document)["post", "/memory/recall"]["parameters"]
        if one["name"] == "X-Request-Timeout-Ms"
    ]
    assert (timeout["type"], timeout["minimum"], timeout["maximum"]) == ("integer", 1, 600_000)


async def test_answers_carry_the_headers_that_are_declared(
    document: dict[str, Any], mock_http: httpx.AsyncClient
) -> None:
    """Those of a write, a read and a refusal: all that they have, and all that they must have."""
    declared, paths = document["components"]["headers"], document["paths"]
    of_server = {"content-type", "content-length", "vary", "content-encoding"}
    for method, path, body, wanted in (
        ("post", "/memory/remember", {"content": "tea"}, {"memory-session", "preference-applied"}),
        ("post", "/memory/recall", {"query": "tea"}, {"memory-provider", "memory-consistency"}),
        ("post", "/memory/recall", {}, set()),
        ("get", "/livez", None, set()),
    ):
        response = await mock_http.request(method, path, json=body, headers={"Prefer": "wait=1"})
        found = paths[path][method]["responses"][str(response.status_code)]["headers"]
        names = {name.lower(): declared[name] for name in found}
        assert set(response.headers) - of_server <= set(names)
        assert {name for name, header in names.items() if header["required"]} <= set(response.headers)
        assert wanted <= set(names)


def test_the_parameters_are_documented(document: dict[str, Any]) -> None:
    """The list tells its parameters with their bounds and defaults, and an id tells that it is a UUID."""
    found = operations(document)
    listed = {one["name"]: one["schema"] for one in found["get", "/memory/memories"]["parameters"]}
    [memory_id] = [
        one["schema"]
        for one in found["get", "/memory/memories/{memory_id}"]["parameters"]
        if one["name"] == "memory_id"
    ]

    assert (listed["limit"]["minimum"], listed["limit"]["maximum"], listed["limit"]["default"]) == (1, 100, 100)
    assert (listed["offset"]["minimum"], listed["offset"]["maximum"], listed["offset"]["default"]) == (0, 100_000, 0)
    assert listed["cursor"]["maxLength"] == 512
    assert memory_id["format"] == "uuid"
    for name, field in (("RememberResponse", "memory_id"), ("DeleteResponse", "memory_id"), ("MemoryRecord", "id")):
        assert document["components"]["schemas"][name]["properties"][field] == {"type": "string", "format": "uuid"}


async def test_a_key_is_asked_for_where_it_is_needed(document: dict[str, Any], guarded_http: httpx.AsyncClient) -> None:
    """Two ways to show it, either of which is enough; nowhere if the service admits everybody."""
    guarded = (await guarded_http.get("/openapi.json")).json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey", "signedUser"}
    for (_, path), operation in operations(guarded).items():
        needed = is_memory_route(path) or path.startswith("/admin/") or path == "/memory/health"
        assert operation.get("security") == ([{"bearer": []}, {"apiKey": []}] if needed else None)
    assert not any(operation.get("security") for operation in operations(document).values())


async def test_the_page_loads_nothing_from_elsewhere(mock_http: httpx.AsyncClient) -> None:
    """The page names no other server, and would not be let to it by the browser."""
    page = await mock_http.get("/docs")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert not re.search(r"https?:|//|unsafe-inline.*script", page.text.replace("<!doctype html>", ""))
    assert re.findall(r'(?:src|href|data-url)="([^"]+)"', page.text) == [
        "/openapi.json",
        "/docs/scalar.js",
        "/openapi.json",
    ]


async def test_what_the_page_loads_is_there(mock_http: httpx.AsyncClient) -> None:
    """The script is the same packed and unpacked, and may be kept by a cache that tells the two apart."""
    packed = await mock_http.get("/docs/scalar.js", headers={"Accept-Encoding": "gzip"})
    plain = await mock_http.get("/docs/scalar.js", headers={"Accept-Encoding": "identity"})

    assert (packed.headers.get("content-encoding"), plain.headers.get("content-encoding")) == ("gzip", None)
    assert packed.content == plain.content
    assert plain.headers["content-type"].startswith("text/javascript")
    assert (plain.headers["vary"], plain.headers["cache-control"]) == ("Accept-Encoding", "public, max-age=86400")


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("gzip ; q=0.001", "gzip"),
        ("gzip;q=0, identity", None),
        ("identity, gzip; Q=0.000", None),
        ("x-gzipped", None),
        ("", None),
    ],
)
async def test_what_the_page_loads_is_packed_for_whom_it_may_be(
    mock_http: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    """A weight of zero refuses an encoding, as not naming it does."""
    response = await mock_http.get("/docs/scalar.js", headers={"Accept-Encoding": accepted})

    assert (response.status_code, response.headers.get("content-encoding")) == (200, encoding)


async def test_a_visitor_is_led_to_the_page(mock_http: httpx.AsyncClient) -> None:
    """The root of the service leads to its documentation."""
    response = await mock_http.get("/")

    assert response.is_redirect
    assert response.headers["location"] == "/docs"


async def test_the_document_and_the_service_agree_on_the_patience(
    document: dict[str, Any], mock_http: httpx.AsyncClient
) -> None:
    """What the document takes is taken, and nothing else."""
    headers = operations(document)["get", "/memory/memories"]["parameters"]
    [schema] = [one["schema"] for one in headers if one["name"] == "X-Request-Timeout-Ms"]
    good = ["1", "9", "10", "000001", "0099", "012345", "99999", "599999", "600000"]
    bad = ["0", "000000", "600001", "999999", "1000000", "-1", "+1", "1.0", "1e3", "", " ", "x", "1 1"]

    told = {value: value.isdigit() and schema["minimum"] <= int(value) <= schema["maximum"] for value in good + bad}
    done = {
        value: (await mock_http.get("/memory/memories", headers={"X-Request-Timeout-Ms": value})).status_code != 422
        for value in good + bad
    }

    assert told == done == dict.fromkeys(good, True) | dict.fromkeys(bad, False)
