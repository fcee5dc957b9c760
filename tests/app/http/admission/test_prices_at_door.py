"""The price at the door is near the exact one for what is usual, and the lane is the right one."""

import msgspec
import pytest

from app.http.admission import price
from app.http.admission.admitted import NEAR
from app.http.admission.lanes import Routes
from app.http.admission.prices_at_door import PATIENCE, patience_at_door, price_at_door
from app.http.body_limit import MAX_BATCH_BODY_BYTES
from app.http.remember_schemas import RememberRequest
from app.http.schemas import RecallRequest

QUESTION = RecallRequest(query="which tea did I drink in the morning")
MEMORY = RememberRequest(content="I drank Assam in the morning, and Darjeeling in the afternoon. " * 5)
ROUTES = Routes(["/memory/recall", "/memory/memories", "/memory/memories/{memory_id}"])


def length_of(body: object) -> int:
    """Return the bytes of a body, in which clients leave out what they need not send."""
    written = msgspec.json.encode(body)
    for default in (b',"where":null', b',"created_from":null', b',"created_before":null', b',"format":"memories"'):
        written = written.replace(default, b"")
    return len(written)


@pytest.mark.parametrize(
    ("path", "body", "exact"),
    [
        ("/memory/recall", QUESTION, price.of_question(QUESTION, 10)),
        ("/memory/remember", MEMORY, price.of_memory(MEMORY)),
        (
            "/memory/recall/batch",
            {"queries": [{"query": QUESTION.query}] * 20},
            price.of_questions([price.of_question(QUESTION, 10)] * 20),
        ),
        ("/memory/remember/batch", {"memories": [MEMORY] * 100}, price.of_memories([MEMORY] * 100)),
    ],
)
def test_the_guess_is_near(path: str, body: object, exact: float) -> None:
    """So that an ordinary request does not wait twice, and is not charged for much that it does not need."""
    guess = price_at_door("POST", path, length_of(body))

    assert exact / NEAR <= guess <= 2 * exact


def test_a_body_without_a_length_is_charged_as_the_longest() -> None:
    """And so is one that says that it is."""
    assert price_at_door("POST", "/memory/recall/batch", None) == price_at_door(
        "POST", "/memory/recall/batch/", MAX_BATCH_BODY_BYTES
    )


@pytest.mark.parametrize(
    ("method", "path", "units"),
    [
        ("GET", "/memory/memories", price.ORDINARY),
        ("DELETE", "/memory/memories/x", price.ORDINARY),
        ("DELETE", "/memory/memories", price.ERASE_ALL),
    ],
)
def test_without_a_body_the_route_counts(method: str, path: str, units: float) -> None:
    """Only to delete everything is dear."""
    assert price_at_door(method, path, 0) == units


@pytest.mark.parametrize(
    ("method", "path", "seconds"),
    [
        ("POST", "/memory/remember/batch", PATIENCE),
        ("POST", "/memory/update/batch/", PATIENCE),
        ("POST", "/memory/delete/batch", PATIENCE),
        ("POST", "/memory/import", PATIENCE),
        ("PUT", "/v1/batch", PATIENCE),
        ("POST", "/memory/recall/batch", 0.0),
        ("POST", "/memory/remember", PATIENCE),
        ("DELETE", "/memory/memories/x", PATIENCE),
        ("POST", "/memory/recall", 0.0),
        ("POST", "/memory/list/", 0.0),
        ("GET", "/memory/import", 0.0),
    ],
)
def test_what_is_written_waits(method: str, path: str, seconds: float) -> None:
    """Longer than what is asked."""
    assert patience_at_door(method, path) == seconds


@pytest.mark.parametrize(
    ("path", "lane", "template"),
    [
        ("/memory/recall", "callers", "/memory/recall"),
        ("/memory/recall/", "callers", "/memory/recall"),
        ("/memory/memories/some-id", "callers", "/memory/memories/{memory_id}"),
        ("/memory/nothing", "callers", None),
        ("/memory/health", "operators", None),
        ("/livez", "operators", None),
        ("/admin/providers", "operators", None),
        ("/", "operators", None),
    ],
)
def test_lanes(path: str, lane: str, template: str | None) -> None:
    """Whatever touches memories is a caller's; what is not routed has no template."""
    route = ROUTES.of(path)

    assert (route.lane, route.template) == (lane, template)
