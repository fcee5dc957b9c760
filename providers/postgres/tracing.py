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
_MOST_STATEMENTS = 512  # whose description is remembered; a search has one for every shape of a filter

_COMMENT = re.compile(r"--[^\n]*")
# Not what locks a row (FOR UPDATE OF) or ends a conflict (DO UPDATE SET).
_CHANGED = re.compile(r"\b(INSERT INTO|(?<!FOR )(?<!DO )UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)\b(?!\s*\()", re.IGNORECASE)
_OURS = "ninai_"
_WORD = re.compile(r"[A-Za-z]+")
# A text in quotes, or a number that is no part of a name and of no placeholder.
_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w$.])\d+(?:\.\d+)?\b")


class Described(Struct, frozen=True):
    """What is told of a statement: what it does, to which table, and its text without any literal."""

    operation: str
    table: str | None
    text: str

    @property
    def name(self) -> str:
        """The name of its spans."""
        return self.operation if self.table is None else f"{self.operation} {self.table}"


def trace_statements(engine: AsyncEngine) -> None:
    """Trace what is run on an engine for a task that is traced."""
    url = engine.url
    where: dict[str, tracing.Value] = {"db.system.name": "postgresql"}
    if url.database is not None:
        where["db.namespace"] = url.database
    if url.host is not None:
        where |= {"server.address": url.host, "server.port": url.port or 5432}

    def run(cursor: DBAPICursor, statement: str, parameters: Any, context: ExecutionContext) -> bool:  # noqa: ANN401 - the driver's
        # True tells SQLAlchemy that it was run here; what fails is then still in the span.
        if not tracing.current.get().recorded:
            return False
        told = described(statement)
        attributes = {**where, "db.operation.name": told.operation}
        if told.table is not None:
            attributes["db.collection.name"] = told.table
        if context.compiled is not None:  # with its values bound; what was not compiled may hold any
            attributes["db.query.text"] = told.text
        with tracing.span(told.name, tracing.Kind.CLIENT, attributes) as span:
            try:
                context.dialect.do_execute(cursor, statement, parameters, context)
            except Exception as error:  # whatever the driver raises goes on as it is; only its code is told here
                if (code := getattr(error, "sqlstate", None)) is not None:
                    span.set("db.response.status_code", str(code))
                raise
        return True

    event.listen(engine.sync_engine, "do_execute", run)


@lru_cache(maxsize=_MOST_STATEMENTS)
def described(statement: str) -> Described:
    """Say what a statement does."""
    text = " ".join(_COMMENT.sub("", statement).split())
    if (changed := _CHANGED.search(text)) is not None:
        operation, table = changed[1].split()[0].upper(), changed[2]
    else:
        first = _WORD.search(text)
        operation = "SQL" if first is None else first[0].upper()
        operation = "SELECT" if operation == "WITH" else operation
        # Not a part of the statement that has a name of its own.
        table = next((name for name in _READ.findall(text) if name.startswith(_OURS)), None)
    return Described(operation, table, _LITERAL.sub("?", text)[:MAX_TEXT_CHARS])
