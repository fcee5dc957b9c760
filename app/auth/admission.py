"""Admission, before every guarded route: who is calling, and whether the route knows the parameters.

A hook rather than guards: the framework copies the route's handler for every guard of every request.
"""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException

from app.auth.anonymous import AnonymousAuthenticator
from app.auth.api_key import ApiKeyAuthenticator
from app.auth.caller import USER_HEADER, Authenticator, Caller, Identity
from app.auth.loopback import require_loopback_name
from app.http.parameters import refuse_unknown_parameters
from app.http.problems import BAD_REQUEST, RequestError
from app.settings.model import AuthSettings, Scope
from observability.notes import current

# The admin port writes this into the scope of a request that came through it.
ADMIN_PORT = "ninai.admin_port"


def authenticator_of(settings: AuthSettings) -> Authenticator:
    """Return the authenticator that the settings choose."""
    if settings.mode == "api_key":
        return ApiKeyAuthenticator(settings.keys)
    return AnonymousAuthenticator(settings.default_user)


async def admit(request: Request[Any, Any, Any]) -> None:
    """Identify the caller, and only then check the parameters; the body has not been read yet.

    Raises:
        NotFoundException: this port is for operators.
        RequestError: the caller is unknown or lacks the scope.
        InvalidInput: the user named is invalid, or a parameter is not known here.
    """
    if ADMIN_PORT in request.scope:
        raise NotFoundException
    # Which of two would count depends on the reader, and a proxy in front may have read the other.
    if len(request.headers.getall(USER_HEADER, [])) > 1:
        raise RequestError(BAD_REQUEST, f"{USER_HEADER} must be given once", field=USER_HEADER)
    authenticator: Authenticator = request.app.state.authenticator
    identity = identified(request, authenticator, "memory")
    request.state.caller = Caller(identity.id, authenticator.user_of(identity, request.headers))
    refuse_unknown_parameters(request)


async def admit_operator(request: Request[Any, Any, Any]) -> None:
    """Require an operator, and only then check the parameters; no user is asked for.

    Raises:
        NotFoundException: the admin API has another port.
        RequestError: the caller is unknown or lacks the scope.
        InvalidInput: a parameter is not known here.
    """
    if request.app.state.settings.admin.port is not None and ADMIN_PORT not in request.scope:
        raise NotFoundException
    request.state.operator = identified(request, request.app.state.authenticator, "admin").id
    refuse_unknown_parameters(request)


async def admit_probe(request: Request[Any, Any, Any]) -> None:
    """Admit health checks without a key; where no keys are used at all, only by a name of this machine.

    Raises:
        RequestError: the request names a host that is not this machine.
    """
    if request.app.state.settings.auth.mode == "none":
        require_loopback_name(request.headers)


def identified(connection: ASGIConnection[Any, Any, Any, Any], authenticator: Authenticator, scope: Scope) -> Identity:
    """Return who sends a request, noted for the log; raise `RequestError` if it is unknown or lacks the scope."""
    identity = authenticator.identify(str(connection.scope.get("method")), connection.headers)
    if (notes := current.get()) is not None:
        notes.caller = identity.id
    identity.require(scope)
    return identity
