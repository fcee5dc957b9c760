"""What requests cost, and where the bounds lie."""

import pytest
from msgspec import UNSET

from app.http.admission import price
from app.http.problems import TOO_DEAR, Problem, RequestError
from app.http.remember_schemas import RememberRequest
from app.http.schemas import RecallRequest, UpdateRequest
from providers.filters import And, Eq, Exists, FieldPath, Filter, In, Not, Or
from providers.limits import MAX_BATCH, MAX_CONTENT_CHARS, MAX_LIST_LIMIT, MAX_LIST_OFFSET, MAX_QUERY_CHARS

PROBLEM = Problem(type="urn:ninai:problem:invalid-input", title="t", status=422, detail="d")
HUNDRED: list[object] = list(range(100))


def asked(where: Filter | None = None, query: str = "tea", limit: int = 10) -> float:
    """The price of one question."""
    return price.of_question(RecallRequest(query, limit=limit, where=where), 10)


def values_of(count: int) -> Filter:
    """A condition with so many values in all, a hundred to a node."""
    return Or([In("year", HUNDRED[: count % 100 or 100]), *[In("year", HUNDRED)] * ((count - 1) // 100)])


def test_an_ordinary_request_costs_one() -> None:
    """A short text to be stored, a changed metadata, a page of one."""
    assert price.of_memory(RememberRequest("tea")) == pytest.approx(1.0, abs=0.01)
    assert price.of_edit(UpdateRequest(metadata=None)) == 1.0
    assert price.of_page(1, 0) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        (Eq("a", 1), And([Eq("a", 1), Eq("a", 1)])),
        (Eq("a", 1), Not(Eq(["a", "b"], 1))),
        (Eq("a", 1), Eq("a" * 1_000, 1)),
        (Eq("a", "x"), Eq("a", "x" * 1_000)),
        (Eq("a", 1), Eq("a", 10**4_000)),
        (Eq("a", ["x"]), Eq("a", ["x" * 1_000])),
        (In("a", [1]), In("a", [1, 2])),
        (Exists("a"), Exists(["a", "b"])),
    ],
)
def test_a_filter_costs_by_nodes_paths_and_bytes(cheap: Filter, dear: Filter) -> None:
    """More of any of them costs more."""
    assert asked() < asked(cheap) < asked(dear)


def test_texts_cost_by_characters() -> None:
    """What is to be embedded, and what is to be analysed as a question."""
    assert price.of_memory(RememberRequest("x" * 2_000)) > price.of_memory(RememberRequest("x" * 1_000))
    assert price.of_edit(UpdateRequest(content="x" * 2_000)) > price.of_edit(UpdateRequest(content="x"))
    assert asked(query="x" * 2_000) > asked(query="x" * 1_000)


def test_pages_cost_by_length_and_offset() -> None:
    """The deepest page costs many times the first, and is still to be had."""
    assert price.of_page(1, 0) < price.of_page(100, 0) < price.of_page(100, 1_000)
    assert price.of_page(MAX_LIST_LIMIT, MAX_LIST_OFFSET) <= price.MAX_PRICE


def test_a_question_without_a_limit_has_the_usual_one() -> None:
    """The configured limit is charged where the question names none."""
    assert price.of_question(RecallRequest("tea"), 100) == price.of_question(RecallRequest("tea", limit=100), 10)


@pytest.mark.parametrize("field", ["topic", ["k"] * 32])
def test_what_is_allowed_ordinarily_is_not_dear(field: FieldPath) -> None:
    """As many conditions as a filter may hold, a question as long as it may be, as many answers as there may be."""
    where = And([Eq(field, "x" * 100)] * 63)

    assert asked(where, "x" * MAX_QUERY_CHARS, 100) <= price.MAX_PRICE
    assert price.of_memory(RememberRequest("x" * MAX_CONTENT_CHARS)) <= price.MAX_PRICE


def test_a_question_has_a_bound() -> None:
    """Up to it a filter may hold as many values as it likes; the refusal names the bound and the price."""
    assert asked(values_of(1_300)) <= price.MAX_PRICE
    with pytest.raises(RequestError) as refusal:
        asked(values_of(1_400))

    assert (refusal.value.kind, refusal.value.field) == (TOO_DEAR, "where")
    assert refusal.value.detail == ("The request costs 105, and may cost 100: ask with fewer conditions or values")


@pytest.mark.parametrize("where", [And([Eq("a", 1)] * 100_000), In("a", [])])
def test_what_will_be_refused_is_not_walked_through(where: Filter) -> None:
    """A filter beyond its limits is priced by what is within them; its refusal says what is wrong with it."""
    assert asked(where) <= price.MAX_PRICE


def test_a_filter_may_nest_as_deep_as_it_likes() -> None:
    """Its price is found before its depth is judged."""
    where: Filter = Eq("a", 1)
    for _ in range(5_000):
        where = Not(where)

    assert asked(where) <= price.MAX_PRICE


def test_a_batch_of_memories_costs_what_its_texts_cost() -> None:
    """Each of them, and one ordinary request; what breaks a rule is not done, and costs nothing."""
    texts = [RememberRequest("x" * 1_000)] * 10

    assert price.of_memories(texts) > price.of_memories(texts[:5])
    assert price.of_memories([*texts, PROBLEM]) == price.of_memories(texts)


def test_a_batch_of_questions_costs_what_they_cost() -> None:
    """Each of them, and one ordinary request."""
    assert price.of_questions([]) == 1.0
    assert price.of_questions([3.0, 4.0]) == 8.0


def test_a_batch_has_a_bound() -> None:
    """A thousand ordinary questions are below it, and a thousand texts of a full body; beyond it nothing is done."""
    assert price.of_questions([asked(Eq("topic", "tea"), "x" * 200, 100)] * MAX_BATCH) <= price.MAX_BATCH_PRICE
    assert price.of_memories([RememberRequest("x" * 16_700)] * MAX_BATCH) <= price.MAX_BATCH_PRICE
    assert price.of_questions([price.MAX_BATCH_PRICE - 1]) == price.MAX_BATCH_PRICE

    with pytest.raises(RequestError) as refusal:
        price.of_questions([price.MAX_BATCH_PRICE])

    assert (refusal.value.kind, refusal.value.field) == (TOO_DEAR, "queries")
    assert refusal.value.detail == "The request costs 15,001, and may cost 15,000: send it in several batches"


def test_an_edit_without_content_embeds_nothing() -> None:
    """Only a new text is charged by its length."""
    assert price.of_edit(UpdateRequest(content=UNSET, metadata={"a": "x" * 10_000})) == price.ORDINARY
