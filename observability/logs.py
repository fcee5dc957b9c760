"""Logging for the whole process: one line per event, JSON for machines or plain text for a terminal.

Every line has `timestamp` (UTC), `level`, `event` and `logger`; lines written for a request have its `request_id`, and
`trace_id` and `span_id` where it is traced. Libraries that use the standard logging come out in the same form. No line
holds what a user stored or queried, not even the line that reports a bug.
"""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, TextIO

import msgspec
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from observability import notes, tracing
from observability.tracebacks import format_without_words

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


class LineLogger:
    """Write finished lines to a stream at once.

    The standard library's loggers make and copy a record per line, which costs more than all the rest of an access
    line; here they carry only what other libraries log.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line; one `write`, so that lines of several processes do not mix.

        A line that cannot be written is lost, as with the standard library: logging must never make its caller fail.
        """
        try:  # no `suppress`: it takes longer than the write
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # a full disk, or a pipe without a reader; a stream that is closed
            pass

    debug = info = warning = error = critical = msg


def configure_logs(log_format: LogFormat, level: LogLevel, stream: TextIO | None = None) -> None:
    """Set up logging once per process, to standard error; `auto` means text on a terminal and JSON otherwise."""
    stream = sys.stderr if stream is None else stream
    number = logging.getLevelNamesMapping()[level.upper()]
    plain = log_format == "text" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        _add_ids,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_timestamp,
        structlog.processors.StackInfoRenderer(),
        # The usual tracebacks quote errors, and the pretty ones local variables too: memories would be in the log.
        structlog.processors.ExceptionRenderer(format_without_words),
    ]
    renderer: Processor = _text_renderer(stream) if plain else _to_json
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # Alembic logs every connection at INFO, and httpx every request, its URL with the user's id included.
    # openai brings an httpx of its own, and at DEBUG logs what it sends.
    for name in ("alembic", "httpx", "httpcore", "httpx2", "httpcore2", "openai", "urllib3"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    # OpenTelemetry logs every batch that a collector refuses; observability/otlp logs the failure once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *names: LineLogger(stream, str(names[0]) if names else "ninai"),
        cache_logger_on_first_use=False,
    )


def timestamp(seconds: float) -> str:
    """Format a moment, in seconds since 1970, like the timestamps of the log lines."""
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{micros:06}Z"


@lru_cache(maxsize=8)  # most lines follow another one within a second
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _add_timestamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = timestamp(time.time())
    return event


def _add_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if (request := notes.current.get()) is not None:
        event["request_id"] = request.request_id
    if (span := tracing.current.get()) is not tracing.NOTHING:
        event["trace_id"], event["span_id"] = span.trace_id, span.span_id
    return event


def _text_renderer(stream: TextIO) -> Processor:
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain, pad_event_to=0)


def _to_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=repr).decode()
    except UnicodeEncodeError:
        # A lone surrogate, as in a file name that is no UTF-8: slower, but no line is lost.
        return json.dumps(event, default=repr)
