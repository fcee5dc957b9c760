"""deploy/logs.md names every event that the program can log, with its level, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "deploy" / "logs.md"

# An exception is an error with its traceback; these choose between two levels, and stand under the louder one.
LEVELS = {"exception": "error", "write": "info", "_note": "warning", "log": "warning"}
_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
_ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+) \|([^|]*)\| .+ \|$", re.MULTILINE)
_NAME = re.compile(r"`(\w+)`")
_EVENT = re.compile(r"[a-z]\w*_?\w*")


def logged() -> Iterator[tuple[str, str, set[str]]]:
    """Every event in the sources: its name, its level, and the fields that are written out."""
    for package in ("app", "providers", "observability"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and (level := _level_of(node.func)) and node.args:
                    event = node.args[0]
                    if isinstance(event, ast.Constant) and isinstance(event.value, str):
                        assert _EVENT.fullmatch(event.value), f"{file}: {event.value!r} is no name of an event"
                        fields = {word.arg for word in node.keywords if word.arg not in {None, "exc_info"}}
                        yield event.value, level, {str(field) for field in fields}


def _level_of(called: ast.expr) -> str | None:
    if isinstance(called, ast.Attribute) and called.attr in _METHODS and ast.unparse(called.value) in _LOGGERS:
        return LEVELS.get(called.attr, called.attr)
    return LEVELS.get(called.id) if isinstance(called, ast.Name) else None


_LOGGERS = {"_log", "log", "structlog.get_logger('ninai')"}


def documented() -> dict[tuple[str, str], set[str]]:
    """Every event in the reference, with its level and its fields."""
    return {
        (event, level): set(_NAME.findall(fields))
        for events, level, fields in _ROW.findall(REFERENCE.read_text("utf-8"))
        for event in _NAME.findall(events)
    }


def test_the_reference_is_complete() -> None:
    """What can be logged is described, and what is described can be logged."""
    events = {(event, level) for event, level, _ in logged()}

    assert len(events) > 40
    assert set(documented()) == events


def test_every_field_is_described() -> None:
    """A field that the sources write out stands beside its event."""
    described = documented()

    assert {event: fields - described[event, level] for event, level, fields in logged()} == {
        event: set() for event, _ in described
    }
