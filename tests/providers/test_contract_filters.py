"""What every provider promises of filters: the semantics that `providers/filters.py` states, and nothing else found."""

from typing import Any
from uuid import uuid4

import pytest

from providers.base import MemoryProvider
from providers.filters import (
    And,
    Between,
    Contains,
    ContainsAll,
    ContainsAny,
    Eq,
    Exists,
    Filter,
    Gt,
    Gte,
    In,
    Lt,
    Lte,
    Ne,
    Not,
    Or,
    Prefix,
)
from providers.owners import Owner
from providers.types import NewMemory, PageQuery

SHELF: dict[str, dict[str, Any] | None] = {
    "none": None,
    "empty": {},
    "null": {"x": None},
    "one": {"x": 1},
    "float": {"x": 1.0},
    "true": {"x": True},
    "false": {"x": False},
    "digit": {"x": "1"},
    "two": {"x": 2},
    "negative": {"x": -3},
    "half": {"x": 0.5},
    "tiny": {"x": 5e-324},
    "odd": {"x": 2**53 + 1},
    "big": {"x": 10**22},
    "bigger": {"x": 1e23},
    "blank": {"x": ""},
    "apple": {"x": "apple"},
    "capital": {"x": "Zebra"},
    "tamil": {"x": "நினைவு"},
    "wide": {"x": "\uff5e"},
    "astral": {"x": "😀"},
    "composed": {"x": "\u00e9"},
    "decomposed": {"x": "e\u0301"},
    "deep": {"x": {"y": {"z": 5}}, "n": None},
    "list": {"x": [10, 20, {"k": "v"}, [7, None]]},
    "object": {"x": {"0": "zero", "-1": "minus"}},
    "nothing": {"x": []},
    "dotted": {"x.y": 5, "": 6},
}
EVERYTHING = set(SHELF)
WITH_X = EVERYTHING - {"none", "empty", "dotted"}
NUMBERS = {"one", "float", "two", "negative", "half", "tiny", "odd", "big", "bigger"}
STRINGS = {"digit", "blank", "apple", "capital", "tamil", "wide", "astral", "composed", "decomposed"}

CASES: list[tuple[Filter, set[str]]] = [
    # eq and ne compare JSON values; an absent field equals nothing, not even null
    (Eq("x", 1), {"one", "float"}),
    (Eq("x", 1.0), {"one", "float"}),
    (Eq("x", True), {"true"}),
    (Eq("x", False), {"false"}),
    (Eq("x", 0), set()),
    (Eq("x", "1"), {"digit"}),
    (Eq("x", None), {"null"}),
    (Eq("x", ""), {"blank"}),
    (Eq("x", "APPLE"), set()),
    (Eq("x", "%"), set()),
    (Eq("x", "நினைவு"), {"tamil"}),
    (Eq("x", "😀"), {"astral"}),
    (Eq("x", "\u00e9"), {"composed"}),
    (Eq("x", "e\u0301"), {"decomposed"}),
    (Eq("x", 2**53 + 1), {"odd"}),
    (Eq("x", 2**53), set()),
    (Eq("x", float(2**53)), set()),
    (Eq("x", 1e22), {"big"}),
    (Eq("x", 10**23), {"bigger"}),
    (Eq("x", 5e-324), {"tiny"}),
    (Eq("x", []), {"nothing"}),
    (Eq("x", {}), set()),
    (Eq("x", {"y": {"z": 5.0}}), {"deep"}),
    (Eq("x", {"-1": "minus", "0": "zero"}), {"object"}),
    (Eq("x", [10, 20.0, {"k": "v"}, [7, None]]), {"list"}),
    (Eq("x", [20, 10, {"k": "v"}, [7, None]]), set()),
    (Eq("x", [10, 20]), set()),
    (Ne("x", 1), EVERYTHING - {"one", "float"}),
    (Ne("x", None), EVERYTHING - {"null"}),
    (Ne("absent", 1), EVERYTHING),
    # in is eq with any of several
    (In("x", [1, "apple", None]), {"one", "float", "apple", "null"}),
    (In("x", [True, [], "no such"]), {"true", "nothing"}),
    (In("x", [1e22, 10**23, 5e-324, 2**53]), {"big", "bigger", "tiny"}),
    (In("x", [[10, 20.0, {"k": "v"}, [7, None]], {"y": {"z": 5}}, [1]]), {"list", "deep"}),
    (In("x", ["நினைவு", "\u00e9", '"', "{}", "\\"]), {"tamil", "composed"}),
    (Not(In("x", [None, 1])), EVERYTHING - {"null", "one", "float"}),
    (In("x", list(range(100, 200))), set()),
    (In("absent", [None]), set()),
    # order holds among numbers and among strings, never between others
    (Gt("x", 1), {"two", "odd", "big", "bigger"}),
    (Gte("x", 1), {"one", "float", "two", "odd", "big", "bigger"}),
    (Lt("x", 1), {"negative", "half", "tiny"}),
    (Lte("x", 1.0), {"one", "float", "negative", "half", "tiny"}),
    (Gt("x", 0), {"one", "float", "two", "half", "tiny", "odd", "big", "bigger"}),
    (Gt("x", 2**53), {"odd", "big", "bigger"}),
    (Gt("x", 2**53 + 1), {"big", "bigger"}),
    (Gte("x", 10**23), {"bigger"}),
    (Gt("x", 10**23), set()),
    (Lt("x", -(10**30)), set()),
    (Lte("x", 10**30), NUMBERS),
    (Gte("x", ""), STRINGS),
    (Gt("x", ""), STRINGS - {"blank"}),
    (Gt("x", "a"), {"apple", "tamil", "wide", "astral", "composed", "decomposed"}),
    (Lt("x", "a"), {"digit", "blank", "capital"}),
    (Gt("x", "\uff00"), {"wide", "astral"}),
    (Gt("x", "\uff5e"), {"astral"}),
    (Lte("x", "e\u0301"), {"digit", "blank", "capital", "apple", "decomposed"}),
    (Gt("absent", 0), set()),
    (Lt("n", 1), set()),
    # between holds with its bounds, as gte and lte do
    (Between("x", 0.5, 2), {"one", "float", "two", "half"}),
    (Between("x", 2, 0.5), set()),
    (Between("x", 10**22, 10**23), {"big", "bigger"}),
    (Between("x", "a", "e\u0301"), {"apple", "decomposed"}),
    (Between("absent", "a", "b"), set()),
    # prefix holds for strings alone, by code point
    (Prefix("x", ""), STRINGS),
    (Prefix("x", "app"), {"apple"}),
    (Prefix("x", "apples"), set()),
    (Prefix("x", "%"), set()),
    (Prefix("x", "e"), {"decomposed"}),
    (Prefix("x", "நி"), {"tamil"}),
    (Prefix(["x", "3", "0"], "7"), set()),
    # a list contains what equals one of its elements as a whole
    (Contains("x", 10), {"list"}),
    (Contains("x", 20.0), {"list"}),
    (Contains("x", {"k": "v"}), {"list"}),
    (Contains("x", {}), set()),
    (Contains("x", [7, None]), {"list"}),
    (Contains("x", [7]), set()),
    (Contains("x", 7), set()),
    (Contains(["x", "3"], None), {"list"}),
    (Contains("x", "apple"), set()),
    (Contains("x", "zero"), set()),
    (ContainsAny("x", [1, {"k": "v"}]), {"list"}),
    (ContainsAny("x", [1, "k"]), set()),
    (ContainsAll("x", [10, 10, 20]), {"list"}),
    (ContainsAll("x", [10, 7]), set()),
    (Not(ContainsAll("x", [10])), EVERYTHING - {"list"}),
    (And([Contains("x", 10), Not(Contains("x", 30))]), {"list"}),
    # exists holds for what is there, even as null
    (Exists("x"), WITH_X),
    (Exists("n"), {"deep"}),
    (Exists("absent"), set()),
    (Exists(""), {"dotted"}),
    # a plain string is one key, a list of steps leads deeper
    (Eq("x.y", 5), {"dotted"}),
    (Eq(["x", "y", "z"], 5), {"deep"}),
    (Exists(["x", "y"]), {"deep"}),
    (Exists(["x", "y", "z", "more"]), set()),
    (Exists(["x", "y", "absent"]), set()),
    (Eq(["x"], "apple"), {"apple"}),
    # a number leads into a list, from its end when negative, and is a key of an object
    (Eq(["x", "0"], 10), {"list"}),
    (Eq(["x", "0"], "zero"), {"object"}),
    (Exists(["x", "0"]), {"list", "object"}),
    (Exists(["x", "-1"]), {"list", "object"}),
    (Eq(["x", "-1", "0"], 7), {"list"}),
    (Eq(["x", "3", "-1"], None), {"list"}),
    (Eq(["x", "2", "k"], "v"), {"list"}),
    (Gte(["x", "1"], 20), {"list"}),
    (Exists(["x", "4"]), set()),
    (Exists(["x", "-4"]), {"list"}),
    (Exists(["x", "-5"]), set()),
    (Exists(["x", "1.0"]), set()),
    (Exists(["x", "k"]), set()),
    (Exists(["x", ""]), set()),
    (Exists(["x", "99999999999999999999"]), set()),
    (Exists(["x", "௧"]), set()),
    # a number in a path may have any blanks before it, a sign and any number of zeros, and be as large as it likes
    (Eq(["x", "0" * 40], 10), {"list"}),
    (Eq(["x", "-0"], 10), {"list"}),
    (Eq(["x", " " * 40 + "+1"], 20), {"list"}),
    (Eq(["x", " \t\n\v\f\r" * 7 + "-" + "0" * 40 + "4"], 10), {"list"}),
    (Exists(["x", "0" * 40 + "4"]), set()),
    (Exists(["x", "0" * 40 + "x"]), set()),
    (Exists(["x", "+" + " " * 40 + "0"]), set()),
    (Exists(["x", "+-0"]), set()),
    (Exists(["x", "\u00a00"]), set()),
    (Exists(["x", "2147483647"]), set()),
    (Exists(["x", "2147483648"]), set()),
    (Exists(["x", "4294967296"]), set()),
    (Exists(["x", "-2147483648"]), set()),
    (Exists(["x", "-4294967295"]), set()),
    (Exists(["x", "18446744073709551616"]), set()),
    (Exists(["x", "1" + "0" * 40]), set()),
    # not, and, or
    (Not(Eq("x", 1)), EVERYTHING - {"one", "float"}),
    (Not(Gt("x", 0)), EVERYTHING - {"one", "float", "two", "half", "tiny", "odd", "big", "bigger"}),
    (Not(Exists("x")), {"none", "empty", "dotted"}),
    (Not(Not(Eq("x", "apple"))), {"apple"}),
    (And([Exists("x"), Ne("x", None), Not(In("x", [True, False]))]), WITH_X - {"null", "true", "false"}),
    (And([Gt("x", 0), Lt("x", 2)]), {"one", "float", "half", "tiny"}),
    (And([Eq("x", 1), Eq("x", 2)]), set()),
    (Or([Eq("x", 2), Eq("x", "apple"), Not(Exists("x"))]), {"two", "apple", "none", "empty", "dotted"}),
    (Or([Eq("x", 1), And([Exists("x.y"), Not(Or([Exists("x"), Exists("n")]))])]), {"one", "float", "dotted"}),
    (And([Eq("x", "apple")]), {"apple"}),
    # names and values are data
    (Eq("x' OR '1'='1", 1), set()),
    (Eq("x", "' OR '1'='1"), set()),
    (Exists('x" = :y, $1, %s, {}'), set()),
    (Exists("{x}"), set()),
]


@pytest.fixture(scope="module")
async def librarian(provider: MemoryProvider) -> str:
    """A user who has the whole shelf, each memory named by its content."""
    user = f"librarian-{uuid4()}"
    await provider.remember_many(
        [NewMemory(owner=Owner(user), content=f"tea {name}", metadata=metadata) for name, metadata in SHELF.items()]
    )
    return user


@pytest.mark.parametrize(("where", "expected"), [pytest.param(*case, id=str(case[0])) for case in CASES])
async def test_a_filter_finds_what_it_says(
    provider: MemoryProvider, librarian: str, where: Filter, expected: set[str]
) -> None:
    """Among memories that all match the question, exactly those come back for which the filter holds; so in a list."""
    hits = await provider.recall(librarian, "tea", 100, where=where)
    listed = (await provider.page(PageQuery(owner=Owner(librarian), where=where))).memories

    assert {hit.id for hit in hits} == {memory.id for memory in listed}
    assert {hit.content.removeprefix("tea ") for hit in hits} == expected


async def test_without_a_filter_everything_is_found(provider: MemoryProvider, librarian: str) -> None:
    """The whole shelf answers the question, so that only the filters tell its memories apart."""
    hits = await provider.recall(librarian, "tea", 100)

    assert {hit.content.removeprefix("tea ") for hit in hits} == EVERYTHING
