"""deploy/docs/logs.md names every event that the program can log, with its level, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.audit.entries import ChainEnd
from app.mode.mode_file import ServiceMode
from app.reloading.order_override import Override

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "deploy" / "docs" / "logs.md"

# An exception is an error with its traceback; these choose between two levels, and stand under the louder one.
LEVELS = {"exception": "error", "write": "info", "_note": "warning", "log": "warning"}
_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
_ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+) \|([^|]*)\| .+ \|$", re.MULTILINE)
_NAME = re.compile(r"`(\w+)`")
_EVENT = re.compile(r"[a-z]\w*_?\w*")


def logged() -> Iterator[tuple[str, str, set[str]]]:
    """Every event in the sources: its name, its level, and its fields."""
    for package in ("app", "providers", "observability"):
        for file in (ROOT / package).rglob("*.py"):
            module = ast.parse(file.read_text("utf-8"))
            for node in ast.walk(module):
                if isinstance(node, ast.Call) and (level := _level_of(node.func)) and node.args:
                    event = node.args[0]
                    if isinstance(event, ast.Constant) and isinstance(event.value, str):
                        assert _EVENT.fullmatch(event.value), f"{file}: {event.value!r} is no name of an event"
                        yield event.value, level, _fields_of(node, module)


def _fields_of(call: ast.Call, module: ast.Module) -> set[str]:
    given = [{word.arg} if word.arg else _spread_out(word.value, module) for word in call.keywords]
    return _ADDED.get(ast.unparse(call.func), set()).union(*given) - {"exc_info"}


def _spread_out(value: ast.expr, module: ast.Module) -> set[str]:
    """What `**` gives: the fields of a struct, or the keys that are written there or in the function called there."""
    if (struct := _STRUCTS.get(ast.unparse(value))) is not None:
        return set(struct.__struct_fields__)
    functions = {one.name: one for one in module.body if isinstance(one, ast.FunctionDef)}
    called = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
    written = [one for one in ast.walk(functions.get(called, value)) if isinstance(one, ast.Dict)]
    keys = {key.value for one in written for key in one.keys if isinstance(key, ast.Constant)}
    assert keys, f"which fields {ast.unparse(value)} gives is not known here"
    return {str(key) for key in keys}


def _level_of(called: ast.expr) -> str | None:
    if isinstance(called, ast.Attribute) and called.attr in _METHODS and ast.unparse(called.value) in _LOGGERS:
        return LEVELS.get(called.attr, called.attr)
    return LEVELS.get(called.id) if isinstance(called, ast.Name) else None


_ADDED = {"_note": {"model", "reason"}}  # by a function that writes the line for others
_STRUCTS = {"structs.asdict(override)": Override, "structs.asdict(mode)": ServiceMode, "structs.asdict(head)": ChainEnd}
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
    """The fields that the sources give an event stand beside it, and no other."""
    fields: dict[tuple[str, str], set[str]] = {}
    for event, level, given in logged():
        fields.setdefault((event, level), set()).update(given)

    assert documented() == fields
