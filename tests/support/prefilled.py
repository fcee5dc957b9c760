"""Requests as the OpenAPI document fills them in by its examples."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

# What is stored first is what the others are about; what ends something comes last.
_ORDER = ("post", "get", "patch", "delete", "put")
_BEFORE, _AFTER = frozenset({"putByKey", "putKey"}), frozenset({"deleteKey"})  # the others of their methods
# They need a dead letter, a quarantine, an erasure or a former version, whose names no example can know.
NEEDS_WHAT_IS_NOT_THERE = frozenset(
    {
        "retryDeadLetter",
        "discardDeadLetter",
        "liftQuarantine",
        "listQuarantined",
        "getErasure",
        "getOwnErasure",
        "restoreVersion",
    }
)


class Prefilled(Struct, frozen=True, kw_only=True):
    """One request: `path` has its parameters filled in; `template` is as the document has it."""

    operation: str
    tag: str
    method: str
    template: str
    path: str
    params: dict[str, Any]
    headers: dict[str, str]
    body: Any


def prefilled(document: dict[str, Any]) -> Iterator[Prefilled]:
    """Yield the request of each operation, in an order in which they can all succeed."""
    found = [(method, path, one) for path, item in document["paths"].items() for method, one in item.items()]
    found.sort(key=lambda one: (_turn(one[0], one[2]["operationId"]), "remember" not in one[1], -len(one[1])))
    for method, path, operation in found:
        values = {(one["in"], one["name"]): value for one, value in _sent(operation.get("parameters", ()))}
        contents: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
        media_type = next(iter(contents), "")
        headers = {name: value for (place, name), value in values.items() if place == "header"}
        yield Prefilled(
            operation=operation["operationId"],
            tag=operation["tags"][0],
            method=method,
            template=path,
            path=path.format(**{name: value for (place, name), value in values.items() if place == "path"}),
            params={name: value for (place, name), value in values.items() if place == "query"},
            headers=headers | ({"Content-Type": media_type} if media_type else {}),
            body=contents[media_type].get("example") if media_type else None,
        )


def _turn(method: str, operation: str) -> tuple[int, bool]:
    return (-1, False) if operation in _BEFORE else (_ORDER.index(method), operation in _AFTER)


def _sent(parameters: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield the parameters that are sent: those that must be, and those whose examples say so."""
    for parameter in parameters:
        if parameter["required"]:
            yield parameter, parameter["example"]
        elif example := parameter.get("examples", {}).get("default"):
            assert example["x-disabled"] is False
            yield parameter, example["value"]
