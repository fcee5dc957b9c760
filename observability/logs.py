"""Logging for the whole process: one line per event, JSON for machines or plain text for a terminal.

Every line has `timestamp` (UTC), `level`, `event` and `logger`; lines written for a request have its `request_id`.
Libraries that use the standard logging come out in the same form.
"""

import logging
import sys
from typing import Literal, TextIO

import msgspec
import structlog
from structlog.types import Processor

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


def configure_logs(log_format: LogFormat, level: LogLevel, stream: TextIO = sys.stderr) -> None:
    """Set up logging once per process; `auto` means text on a terminal and JSON otherwise."""
    number = logging.getLevelNamesMapping()[level.upper()]
    plain = log_format == "text" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # Plain tracebacks: the kind with local variables would write memories into the log.
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if plain
        else structlog.processors.JSONRenderer(serializer=_to_json)
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # Alembic narrates every connection at INFO.
    logging.getLogger("alembic").setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _to_json(event: dict[str, object], **_options: object) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
