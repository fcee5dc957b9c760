"""The guard before every memory route, and the dependency that hands the caller on."""

from typing import Annotated, Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter

from app.auth.anonymous import AnonymousAuthenticator
from app.auth.api_key import ApiKeyAuthenticator
from app.auth.caller import USER_HEADER, Authenticator, Caller
from app.settings.model import AuthSettings
from observability.notes import current


def authenticator_of(settings: AuthSettings) -> Authenticator:
    """Give the way to prove who you are that the settings choose."""
    if settings.mode == "api_key":
        return ApiKeyAuthenticator(settings.keys)
    return AnonymousAuthenticator(settings.default_user)


def require_caller(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Find out who is calling before anything of the request is read.

    Raises:
        RequestError: nobody who may ask.
    """
    authenticator: Authenticator = connection.app.state.authenticator
    caller = authenticator.authenticate(connection.headers)
    connection.state.caller = caller
    if (notes := current.get()) is not None:
        notes.caller = caller.id


async def provide_caller(
    request: Request[Any, Any, Any],
    user_id: Annotated[  # noqa: ARG001 - read by the guard already; this documents it
        str | None, HeaderParameter(name=USER_HEADER, description="Whose memories are meant, in UTF-8.")
    ] = None,
) -> Caller:
    """Give the caller that the guard found."""
    caller: Caller = request.state.caller
    return caller
