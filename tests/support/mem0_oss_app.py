"""mem0's own library behind the routes of mem0's own REST server: the program that `Mem0Process` runs.

What the library does it does itself: nothing it lets through, trims, drops or loses is done again here. Ours are the
routes, and the answer to an error, as its server gives it: 400 or 404 for what the library refuses where
that server catches it, 422 for what is no request, 502 for everything else.
"""

import asyncio
import ctypes
import json
import logging
import signal
import sys
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from litestar import Litestar, Request, Response, delete, get, post, put
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, RawBody
from mem0 import Memory
from mem0.exceptions import ValidationError as Mem0Refusal
from pydantic import BaseModel, Field, ValidationError

from tests.support.openai_server import HOST, OpenAIServer

DIMS = 256
MOST_LISTED = 1_000
THREADS = 40  # as many as its own framework has; the embeddings have others, for which these wait

_PR_SET_PDEATHSIG = 1

_log = logging.getLogger(__name__)
_threads = ThreadPoolExecutor(THREADS)

# What its server calls an error, by the first name it knows in the chain of causes.
_CODES = {
    "provider_auth_failed": ["AuthenticationError", "PermissionDeniedError"],
    "provider_rate_limited": ["RateLimitError"],
    "provider_timeout": ["APITimeoutError", "TimeoutError"],
    "provider_unavailable": ["APIConnectionError", "ConnectionError", "InternalServerError"],
    "provider_bad_request": ["BadRequestError", "UnprocessableEntityError"],
    "datastore_unavailable": ["OperationalError"],
}
_CODE_OF = {name: code for code, names in _CODES.items() for name in names}


class _Message(BaseModel):
    role: str
    content: str


class _Ids(BaseModel):
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None

    def named(self) -> dict[str, str]:
        ids = {name: getattr(self, name) for name in _Ids.model_fields}
        return {name: value for name, value in ids.items() if value}


class _Add(_Ids):
    messages: list[_Message]
    metadata: dict[str, Any] | None = None
    expiration_date: str | None = None
    infer: bool | None = None


class _Search(_Ids):
    query: str
    filters: dict[str, Any] | None = None
    top_k: int | None = None
    threshold: float | None = None
    explain: bool | None = None
    show_expired: bool | None = None


class _Update(BaseModel):
    text: str | None = None
    metadata: dict[str, Any] | None = None
    expiration_date: str | None = None


class _Listed(_Ids):
    top_k: int | None = Field(None, ge=0, le=MOST_LISTED)
    show_expired: bool = False


class _NoId(Exception):
    """Neither a user nor an agent nor a run was named."""


Answer = Response[bytes]
_Request = Request[Any, Any, Any]


def _answer(content: object, status: int = 200, **headers: str) -> Answer:
    # The standard library writes any integer and any text as it is; so does the server that is stood in for.
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    request_id = headers.pop("request_id", uuid.uuid4().hex[:8])
    return Response(
        body, status_code=status, media_type="application/json", headers={"X-Request-ID": request_id, **headers}
    )


async def _called(method: Callable[..., Any], *positional: object, **named: Any) -> Any:  # noqa: ANN401 - no types there
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(method, *positional, **named))


def _given(model: BaseModel, *but: str) -> dict[str, Any]:
    return {name: value for name, value in model.model_dump().items() if value is not None and name not in but}


def _client_error(_request: _Request, error: Exception) -> Answer:
    missing = isinstance(error, ValueError) and "not found" in str(error).lower()
    return _answer({"detail": str(error)}, 404 if missing else 400)


def _no_id(_request: _Request, _error: _NoId) -> Answer:
    return _answer({"detail": "At least one identifier is required."}, 400)


def _no_request(_request: _Request, error: ValueError) -> Answer:
    return _answer({"detail": [{"type": "invalid", "loc": ["body"], "msg": str(error)}]}, 422)


def _http_error(_request: _Request, error: HTTPException) -> Answer:
    return _answer({"detail": error.detail}, error.status_code, **(error.headers or {}))


def _upstream_error(_request: _Request, error: Exception) -> Answer:
    request_id = uuid.uuid4().hex[:8]
    _log.error("upstream error", exc_info=error)
    content = {"detail": "Upstream provider error.", "code": _code(error), "request_id": request_id}
    return _answer(content, 502, request_id=request_id)


def _code(error: BaseException | None) -> str:
    while error is not None:
        if (name := type(error).__name__) in _CODE_OF:
            return _CODE_OF[name]
        error = error.__cause__ or error.__context__
    return "unknown"


_Handlers = dict[int | type[Exception], Callable[[_Request, Any], Answer]]
_REFUSALS: _Handlers = {ValueError: _client_error, Mem0Refusal: _client_error}


@post("/memories", status_code=200, exception_handlers=_REFUSALS)
async def _add(memory: NamedDependency[Any], body: RawBody) -> Answer:
    asked = _Add.model_validate(json.loads(body))
    if not asked.named():
        raise _NoId
    messages = [message.model_dump() for message in asked.messages]
    return _answer(await _called(memory.add, messages, **_given(asked, "messages")))


@post("/search", status_code=200, exception_handlers={ValueError: _client_error})
async def _search(memory: NamedDependency[Any], body: RawBody) -> Answer:
    asked = _Search.model_validate(json.loads(body))
    filters = (asked.filters or {}) | asked.named()
    return _answer(await _called(memory.search, **_given(asked, *_Ids.model_fields, "filters"), filters=filters))


@get("/memories")
async def _list(request: _Request, memory: NamedDependency[Any]) -> Answer:
    asked = _Listed.model_validate(dict(request.query_params))
    return _answer(await _called(memory.get_all, **_given(asked, *_Ids.model_fields), filters=asked.named()))


@delete("/memories", status_code=200)
async def _delete_all(request: _Request, memory: NamedDependency[Any]) -> Answer:
    ids = _Ids.model_validate(dict(request.query_params)).named()
    if not ids:
        raise _NoId
    await _called(memory.delete_all, **ids)
    return _answer({"message": "All relevant memories deleted"})


@get("/memories/{memory_id:str}")
async def _get(memory: NamedDependency[Any], memory_id: FromPath[str]) -> Answer:
    return _answer(await _called(memory.get, memory_id))


@put("/memories/{memory_id:str}", exception_handlers=_REFUSALS)
async def _update(memory: NamedDependency[Any], memory_id: FromPath[str], body: RawBody) -> Answer:
    asked = _Update.model_validate(json.loads(body))
    return _answer(await _called(memory.update, memory_id, **asked.model_dump(include=asked.model_fields_set)))


@delete("/memories/{memory_id:str}", status_code=200, exception_handlers=_REFUSALS)
async def _delete(memory: NamedDependency[Any], memory_id: FromPath[str]) -> Answer:
    await _called(memory.delete, memory_id)
    return _answer({"message": "Memory deleted successfully"})


def _app(memory: Any, api_key: str | None) -> Litestar:  # noqa: ANN401 - the library has no types
    def only_its_own_paths(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        # Litestar takes a trailing slash for nothing, its framework for another path.
        if connection.scope["raw_path"].endswith(b"/"):
            raise NotFoundException("Not Found")

    def authenticated(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if connection.headers.get("authorization", "").lower().startswith("bearer "):
            raise HTTPException("Invalid or expired token.", status_code=401)
        if api_key is None:
            return
        given = connection.headers.get("x-api-key")
        if given is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            raise HTTPException("Authentication required.", status_code=401, headers=challenge)
        if given != api_key:
            raise HTTPException("Invalid API key.", status_code=401)

    return Litestar(
        [_add, _search, _list, _delete_all, _get, _update, _delete],
        dependencies={"memory": Provide(lambda: memory, sync_to_thread=False)},
        guards=[only_its_own_paths, authenticated],
        exception_handlers={
            HTTPException: _http_error,
            _NoId: _no_id,
            ValidationError: _no_request,
            json.JSONDecodeError: _no_request,
            UnicodeDecodeError: _no_request,
            Exception: _upstream_error,
        },
        logging_config=None,
        openapi_config=None,
        request_max_body_size=None,
    )


async def _serve(settings: Mapping[str, Any]) -> None:
    async with OpenAIServer() as embeddings:
        memory = Memory.from_config(_config(settings, embeddings.base_url))
        app = _app(memory, settings["api_key"])
        server = Server(
            app,  # type: ignore[arg-type, unused-ignore] # ASGI's own open types
            address=HOST,
            port=settings["port"],
            interface=Interfaces.ASGINL,
            websockets=False,
            log_level=LogLevels.error,
        )
        await server.serve()


def _config(settings: Mapping[str, Any], embeddings: str) -> dict[str, Any]:
    vectors = {"connection_string": settings["dsn"], "embedding_model_dims": DIMS, "collection_name": "memories"}
    embedder = {"api_key": "none", "openai_base_url": embeddings, "model": "text-embedding-3-small"}
    return {
        "vector_store": {"provider": "pgvector", "config": vectors},
        "embedder": {"provider": "openai", "config": embedder},
        # Asked only when `infer` is not false; the address is of nobody.
        "llm": {"provider": "openai", "config": {"api_key": "none", "openai_base_url": "http://127.0.0.1:9/v1"}},
        "history_db_path": str(Path(settings["folder"]) / "history.db"),
    }


if __name__ == "__main__":
    # The kernel ends this process with the one that started it, even one that was killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    asyncio.run(_serve(json.loads(sys.argv[1])))
