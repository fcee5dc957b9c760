"""The login to the console."""

from typing import Annotated, Any

import structlog
from litestar import Controller, Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Meta, Struct

from app.auth.admission import refusals_noted
from app.auth.caller import Authenticator
from app.auth.credentials import Credential
from app.auth.routes import PUBLIC, SCOPE
from app.console.admission import admit_visitor
from app.console.console import Console
from app.console.forms import filled_in
from app.console.pages import HANDLERS, PATH, redirect_home, store_session
from observability.notes import current

_log = structlog.get_logger(__name__)


class LoginForm(Struct, frozen=True, forbid_unknown_fields=True):
    """Hold an API key, as it was pasted."""

    key: Annotated[str, Meta(min_length=1)]


class LoginController(Controller):
    """Exchange an API key for a session that grants no more than the key."""

    path = PATH
    include_in_schema = False
    opt = {SCOPE: PUBLIC}  # noqa: RUF012 - read by the framework, never changed
    before_request = staticmethod(admit_visitor)
    exception_handlers = HANDLERS

    @get("/login")
    async def begin(self, request: Request[Any, Any, Any]) -> Response[None]:
        """Redirect to the first page, which asks for a key where one is needed."""
        return redirect_home(request)

    @post("/login", status_code=200)
    async def login(self, request: Request[Any, Any, Any]) -> Response[None]:
        """Begin a session for an operator."""
        key = filled_in(request.state.form, LoginForm).key.strip()
        authenticator: Authenticator = request.app.state.authenticator
        async with refusals_noted(request):
            identity = authenticator.identify(request.method, {}, Credential(key) if key else None)
            if (notes := current.get()) is not None:
                notes.caller = identity.id
            identity.require("admin:read")
        console: Console = request.app.state.console
        answer = redirect_home(request)
        if console.uses_keys:
            store_session(request, answer, (await console.sessions()).begin(identity))
        _log.info("console_login", operator=identity.id)
        return answer

    @get("/{rest:path}")
    async def not_found(self, rest: FromPath[str]) -> Response[None]:  # noqa: ARG002 - part of the path
        """Answer that there is no such page, in the form of the console's other errors."""
        raise NotFoundException
