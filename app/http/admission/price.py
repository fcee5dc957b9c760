"""The price of a request: how much work its words ask for, known before any of that work is done.

1.0 is one ordinary request: a get, or a remember of a short text; some 2 ms of one processor. What a question costs
depends on how many memories its user has as well, which nobody knows here: the weights hold for 1,000 of them.

Measured with the embedded PostgreSQL 18 and the local embedder, on 2 cores that were busy otherwise, in ms:

    get 0.8, remember 3.2, each of 1,000 memories in a batch 0.2 to 0.5, recall 6.1 (of 10,000 memories 60)
    1,000 characters: embedded 0.8, embedded and stored 1.7, as a question 3
    a condition 0.45 to 0.7, with 31 steps 1.2 (of metadata of 14 kB 5.1); each value of an `in` 0.13 to 0.23
    a list of 100: 1.9; with an offset of 1,000: 1.2, of 10,000: 6.1

So 63 conditions `in` with 100 values each took 0.8 s, and of a user with 10,000 memories 15 s.
"""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from app.http.key_schemas import KeptRequest
from app.http.problems import TOO_DEAR, Problem, RequestError
from app.http.remember_schemas import RememberRequest
from app.http.schemas import ChangeRequest, ConditionsRequest, ListRequest, RecallRequest
from providers import filters

ORDINARY = 1.0

# What one request, one question of a batch, or one memory of a batch may cost: 0.2 s. All that users ordinarily ask
# for is far below: 64 conditions cost 16, a text of 32,000 characters 26, as a question 48.
MAX_PRICE = 100.0
# What all items of a batch may cost together: the 30 s after which every request ends. A thousand questions cost
# 3,200, and the texts of a body of 16 MiB 13,700.
MAX_BATCH_PRICE = 15_000.0

# Up to 1,000 memories, each a row to be read and one to be written.
ERASE_ALL = 100.0

_FEWER = "ask with fewer conditions or values"

_RECALL = 3.0
_BATCHED_MEMORY = 0.15
_PER_TEXT_CHAR = 0.8 / 1_000
_PER_QUERY_CHAR = 1.5 / 1_000
_PER_ANSWERED = 0.02  # memories in an answer
_PER_LISTED = 0.005
_PER_SKIPPED = 0.95 / 1_000  # memories before an offset

_CONDITION = 0.25
_PER_STEP = 0.0125  # of a path, beyond the first
_PER_VALUE = 0.07  # of an `in`
_PER_BYTE = 0.05 / 1_000  # of paths and values, which are bound and parsed


def of_page(limit: int, offset: int) -> float:
    """Return the price of a page of a list."""
    return ORDINARY + _PER_LISTED * limit + _PER_SKIPPED * offset


def of_list(wanted: ListRequest) -> float:
    """Return the price of a page with conditions.

    Raises:
        RequestError: it is more than one request may cost.
    """
    counting = _RECALL if wanted.total else 0.0  # of as many memories as a question
    return of_page(wanted.limit, wanted.offset) + counting + of_conditions(wanted)


def of_conditions(wanted: ConditionsRequest) -> float:
    """Return the price of conditions.

    Raises:
        RequestError: it is more than one request may cost.
    """
    if wanted.where is None:
        return 0.0
    return _within(_of_filter(wanted.where), MAX_PRICE, "where", _FEWER)


def of_memory(memory: RememberRequest | KeptRequest, *, unless_similar: bool = False) -> float:
    """Return the price of storing one memory, and of looking first whether there is one like it."""
    looking = _RECALL + _PER_QUERY_CHAR * len(memory.content) if unless_similar else 0.0
    return ORDINARY + _PER_TEXT_CHAR * len(memory.content) + looking


def of_edit(edit: ChangeRequest) -> float:
    """Return the price of one edit."""
    return ORDINARY if edit.content is UNSET else ORDINARY + _PER_TEXT_CHAR * len(edit.content)


def of_edits(edits: Iterable[ChangeRequest | Problem]) -> float:
    """Return the price of the changes of a batch; what breaks a rule costs nothing.

    Raises:
        RequestError: it is more than a batch may cost.
    """
    return _of_batch((of_edit(edit) for edit in edits if not isinstance(edit, Problem)), "changes")


def of_deletions(count: int) -> float:
    """Return the price of deleting so many memories one by one."""
    return ORDINARY * count


def of_question(question: RecallRequest, default_limit: int) -> float:
    """Return the price of one question; `default_limit` is that of a question without one.

    Raises:
        RequestError: it is more than one question may cost.
    """
    price = _RECALL + _PER_QUERY_CHAR * len(question.query) + _PER_ANSWERED * question.wanted(default_limit)
    if question.where is None:
        return price  # which no text and no limit bring above the bound
    return _within(price + _of_filter(question.where), MAX_PRICE, "where", _FEWER)


def of_memories(memories: Iterable[RememberRequest | Problem]) -> float:
    """Return the price of storing the memories of a batch; what breaks a rule costs nothing.

    Raises:
        RequestError: it is more than a batch may cost.
    """
    prices = (
        _BATCHED_MEMORY + _PER_TEXT_CHAR * len(memory.content) for memory in memories if not isinstance(memory, Problem)
    )
    return _of_batch(prices, "memories")


def of_import(lines: int, size: int) -> float:
    """Return the price of storing what so many lines of so many bytes hold, before they are read.

    Raises:
        RequestError: it is more than a batch may cost.
    """
    return _of_batch([_BATCHED_MEMORY * lines, _PER_TEXT_CHAR * size], "body")


def of_questions(prices: Iterable[float]) -> float:
    """Return the price of a batch of questions, of which each has its own.

    Raises:
        RequestError: it is more than a batch may cost.
    """
    return _of_batch(prices, "queries")


def _of_batch(prices: Iterable[float], field: str) -> float:
    return _within(ORDINARY + sum(prices), MAX_BATCH_PRICE, field, "send it in several batches")


def _of_filter(where: filters.Filter) -> float:
    """Return the price of conditions: those on fields, times the lengths of their paths, and the bytes of both.

    A batch may hold some ten thousand, so each takes a microsecond and no more.
    """
    price, waiting, size, left = 0.0, [where], 0, filters.MAX_CONDITIONS
    # What has more conditions, or more that joins them than fits into its depth, will be refused, whatever its price.
    for _ in range(filters.MAX_CONDITIONS * filters.MAX_FILTER_DEPTH):
        if not waiting or not left:
            break
        node = waiting.pop()
        if isinstance(node, (filters.And, filters.Or, filters.Not)):
            waiting += filters.children_of(node)
            continue
        left -= 1
        field = node.field
        price += _CONDITION
        if isinstance(field, str):
            size += len(field)
        else:
            price += _PER_STEP * (len(field) - 1)
            size += sum(map(len, field))
        if isinstance(node, filters.OfValues):
            price += _PER_VALUE * len(node.values)
            size += sum(map(_bytes_of, node.values))
        elif isinstance(node, filters.Between):
            price += _CONDITION
            size += _bytes_of(node.low) + _bytes_of(node.high)
        elif not isinstance(node, filters.Exists):
            size += _bytes_of(node.value)
    return price + _PER_BYTE * size


def _bytes_of(value: object) -> int:
    """Return about how long a JSON value is; integers of any length can be compared with."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, int):
        return value.bit_length() // 3
    return len(msgspec.json.encode(value)) if isinstance(value, (dict, list)) else 1


def _within(price: float, most: float, field: str, advice: str) -> float:
    if price <= most:
        return price
    raise RequestError(TOO_DEAR, f"The request costs {price:,.0f}, and may cost {most:,.0f}: {advice}", field=field)
