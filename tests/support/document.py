"""The OpenAPI document, as the service gives it out."""

from functools import cache
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.settings import load


@cache
def _encoded() -> bytes:
    app = create_app(load(None, environ={"MEMORY_PROVIDER": "mock"}).settings, CollectorRegistry())
    plain: bytes = app.state.document.plain
    return plain


def openapi_document() -> dict[str, Any]:
    """Return a copy of it that the caller may change."""
    return msgspec.json.decode(_encoded(), type=dict[str, Any])
