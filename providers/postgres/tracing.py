"""A span for every statement that an engine runs, without a value that was bound to it."""

import re
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from observability import tracing

MAX_TEXT_CHARS = 2_000
_MOST_STATEMENTS = 512  # whose description is cached; a search has one for every shape of a filter

# The execution options of SQL in the driver's own form that contains no value.
VALUES_BOUND = {"values_bound": True}

_COMMENT = re.compile(r"--[^\n]*")
# Not a clause that locks a row (FOR UPDATE OF) or resolves a conflict (DO UPDATE SET).
_CHANGED = re.compile(r"\b(INSERT INTO|(?<!FOR )(?<!DO )UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)\b(?!\s*\()", re.IGNORECASE)
_OURS = "ninai_"
_WORD = re.compile(r"[A-Za-z]+")
# A text in quotes, or a number that is part of neither a name nor a placeholder.
_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w$.])\d+(?:\.\d+)?\b")


class StatementDescription(Struct, frozen=True):
    """What a span contains of a statement: its operation, its table, and its text without any literal."""

    operation: str
    table: str | None
    text: str

    @property
    def name(self) -> str:
        """The name of the statement's spans."""
        return self.operation if self.table is None else f"{self.operation} {self.table}"


def trace_statements(engine: AsyncEngine) -> None:
    """Trace the statements that a traced task runs on an engine."""
    url = engine.url
    where: dict[str, tracing.Value] = {"db.system.name": "postgresql"}
    if url.database is not None:
        where["db.namespace"] = url.database
    if url.host is not None:
        where |= {"server.address": url.host, "server.port": url.port or 5432}

    def run(cursor: DBAPICursor, statement: str, parameters: Any, context: ExecutionContext) -> bool:  # noqa: ANN401 - the driver's
        # True means to SQLAlchemy that the statement was run here, so that its failure is inside the span.
        if not tracing.current.get().recorded:
            return False
        description = described(statement)
        attributes = {**where, "db.operation.name": description.operation}
        if description.table is not None:
            attributes["db.collection.name"] = description.table
        # Other text than SQLAlchemy's may contain values.
        if context.compiled is not None or VALUES_BOUND.items() <= context.execution_options.items():
            attributes["db.query.text"] = description.text
        with tracing.span(description.name, tracing.Kind.CLIENT, attributes) as span:
            try:
                context.dialect.do_execute(cursor, statement, parameters, context)
            except Exception as error:  # the driver's error is raised unchanged; only its code is recorded here
                if (code := getattr(error, "sqlstate", None)) is not None:
                    span.set("db.response.status_code", str(code))
                raise
        return True

    event.listen(engine.sync_engine, "do_execute", run)


@lru_cache(maxsize=_MOST_STATEMENTS)
def described(statement: str) -> StatementDescription:
    """Return the description of a statement."""
    text = " ".join(_COMMENT.sub("", statement).split())
    if (changed := _CHANGED.search(text)) is not None:
        operation, table = changed[1].split()[0].upper(), changed[2]
    else:
        first = _WORD.search(text)
        operation = "SQL" if first is None else first[0].upper()
        operation = "SELECT" if operation == "WITH" else operation
        # Not a common table expression, which has a name of its own.
        table = next((name for name in _READ.findall(text) if name.startswith(_OURS)), None)
    return StatementDescription(operation, table, _LITERAL.sub("?", text)[:MAX_TEXT_CHARS])
