"""The guard before every memory route."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from app.auth.anonymous import AnonymousAuthenticator
from app.auth.api_key import ApiKeyAuthenticator
from app.auth.caller import USER_HEADER, Authenticator
from app.problems import BAD_REQUEST, RequestError
from app.settings.model import AuthSettings
from observability.notes import current


def authenticator_of(settings: AuthSettings) -> Authenticator:
    """Give the way to prove who you are that the settings choose."""
    if settings.mode == "api_key":
        return ApiKeyAuthenticator(settings.keys)
    return AnonymousAuthenticator(settings.default_user)


async def require_caller(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Find out who is calling before anything of the request is read; the framework runs plain guards in threads.

    Raises:
        RequestError: nobody who may ask.
    """
    authenticator: Authenticator = connection.app.state.authenticator
    # Which of two would count depends on who reads them, and a proxy in front may have read the other.
    if len(connection.headers.getall(USER_HEADER, [])) > 1:
        raise RequestError(BAD_REQUEST, f"{USER_HEADER} must be given once", field=USER_HEADER)
    caller = authenticator.authenticate(connection.headers)
    connection.state.caller = caller
    if (notes := current.get()) is not None:
        notes.caller = caller.id
