"""Admission, before every guarded route: who is calling, and whether the route knows the parameters.

A hook rather than guards: the framework copies the route's handler for every guard of every request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException

from app.auth.anonymous import AnonymousAuthenticator
from app.auth.api_key import ApiKeys
from app.auth.by_credential import CredentialAuthenticator
from app.auth.caller import Authenticator, CredentialKind, Identity
from app.auth.contexts.body import expect_body
from app.auth.contexts.contexts import SignedContexts
from app.auth.contexts.once import use_once
from app.auth.credentials import credential_in
from app.auth.failed_logins import FailedLogins
from app.auth.loopback import require_loopback_name
from app.auth.naming import USER_FIELD, RequestUser, held_by
from app.auth.refusals import FAILED_LOGINS, CallerRefused, count_refusal
from app.auth.routes import SCOPE
from app.http.admission.admitted import admission_of
from app.http.admission.heads import address_of
from app.http.parameters import refuse_unknown_parameters
from app.http.target import require_utf8_path, require_utf8_query
from app.http.unread_body import refuse_unread_body
from app.settings.auth import AuthSettings, Scope
from app.settings.model import TenantSettings
from observability.notes import current
from providers.owners import DEFAULT_TENANT

# The admin port writes this into the scope of a request that came through it.
ADMIN_PORT = "ninai.admin_port"

AnyRequest = Request[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]
_Hook = TypeVar("_Hook", bound=Callable[..., Awaitable[None]])


def authenticator_of(settings: AuthSettings, keys: ApiKeys, tokens: Sequence[CredentialKind]) -> Authenticator:
    """Return the authenticator that the settings choose."""
    signed: list[CredentialKind] = [SignedContexts(settings.context)] if settings.context else []
    if settings.mode == "api_key":
        # The keys take whatever is left, since those of before had any form.
        return CredentialAuthenticator([*signed, *tokens, keys])
    if settings.mode == "jwt":
        return CredentialAuthenticator(
            [*signed, *tokens], "a token of an issuer that is known here: Authorization: Bearer TOKEN"
        )
    return AnonymousAuthenticator(settings.default_user)


def checks_scope(hook: _Hook) -> _Hook:
    """Mark what runs before a handler and checks the scope of its route, see `app/auth/routes.py`."""
    cast("Any", hook).checks_scope = True
    return hook


@checks_scope
async def admit(request: AnyRequest) -> None:
    """Identify the caller, and only then check the parameters; the body has not been read yet.

    Raises:
        NotFoundException: this port is for operators.
        RequestError: the caller is unknown, lacks the scope, does not speak for the user named, or asks too much.
        InvalidInput: the user named is invalid, a parameter is not known here or no UTF-8, or a body would be ignored.
    """
    await admit_protocol(request)
    refuse_unknown_parameters(request, USER_FIELD)
    refuse_unread_body(request)


@checks_scope
async def admit_protocol(request: AnyRequest) -> None:
    """Identify the caller of a route of another protocol, which has parameters of its own; raise as `admit` does."""
    if ADMIN_PORT in request.scope:
        raise NotFoundException
    parts = request.app.state
    async with refusals_noted(request):
        identity = identified(request)
        require_tenant(identity.tenant, parts.settings.tenants)
        await use_once(request, identity)
    parts.rate_limiter.admit(identity.id, identity.tenant)
    held_by(request).update(user=RequestUser(request, identity), identity=identity)
    require_utf8_query(request)


@checks_scope
async def admit_operator(request: AnyRequest) -> None:
    """Require an operator, and only then check the parameters; no user is asked for.

    Raises:
        NotFoundException: the admin API has another port.
        RequestError: the caller is unknown or lacks the scope.
        InvalidInput: a parameter is not known here, or it or the path is no UTF-8, or a body would be ignored.
    """
    if request.app.state.settings.admin.port is not None and ADMIN_PORT not in request.scope:
        raise NotFoundException
    async with refusals_noted(request):
        identity = request.state.identity = identified(request)
        await use_once(request, identity)
    request.state.operator = identity.id
    require_utf8_path(request)
    require_utf8_query(request)
    refuse_unknown_parameters(request)
    refuse_unread_body(request)


async def admit_probe(request: AnyRequest) -> None:
    """Admit probes without a key; where no keys are used at all, only by a name of this machine.

    Raises:
        RequestError: the request names a host that is not this machine.
    """
    if not _uses_keys(request):
        require_loopback_name(request.headers)


@checks_scope
async def admit_measurer(request: AnyRequest) -> None:
    """Admit whoever may see how the service does: by a key with the scope, or on the admin port without one.

    Raises:
        RequestError: the caller is unknown or lacks the scope; or without keys the host named is not this machine.
    """
    if not _uses_keys(request):
        require_loopback_name(request.headers)
    elif ADMIN_PORT not in request.scope:
        async with refusals_noted(request):
            await use_once(request, identified(request))


def require_tenant(tenant: str, settings: TenantSettings) -> None:
    """Require that a tenant is served here.

    Raises:
        CallerRefused: it is another one than the default, and this service has no others yet.
    """
    if tenant != DEFAULT_TENANT and not settings.enabled:
        raise CallerRefused("tenant", f'The tenant "{tenant}" is not served here: tenants are not enabled')


def is_told_everything(request: AnyRequest) -> bool:
    """Return whether a probe is told more than yes or no: not a stranger, where keys are used."""
    return not _uses_keys(request) or ADMIN_PORT in request.scope


def identified(request: AnyRequest, authenticated: Identity | None = None) -> Identity:
    """Return the identity of the caller, which has the scope of the route; raise `CallerRefused` if it has not."""
    identity = proven(request) if authenticated is None else _noted(authenticated)
    scope: Scope | None = request.route_handler.opt.get(SCOPE)
    if scope is not None:
        identity.require(scope)
    elif request.method != "OPTIONS":  # which the framework answers by itself, with the methods of the path
        raise RuntimeError(f"{request.method} {request.scope['path_template']} does not say what it asks for")
    return identity


def proven(connection: AnyConnection) -> Identity:
    """Return the identity that a request proves; raise `RequestError` if it proves none. Scopes are not checked."""
    authenticator: Authenticator = connection.app.state.authenticator
    # Where nobody is asked for a credential, a proxy may add as many as it likes.
    shown = None
    if _uses_keys(connection):
        signed = connection.scope if connection.app.state.settings.auth.context else None
        shown = credential_in(connection.headers, signed)
    identity = authenticator.identify(str(connection.scope.get("method")), connection.headers, shown)
    if identity.body_digest is not None:
        expect_body(cast("dict[str, Any]", connection.scope), identity.body_digest)
    return _noted(identity)


def refusals_noted(request: AnyConnection) -> "_NotedRefusals":
    """Return a context that notes why a caller is refused, and has one that guesses wait for it."""
    return _NotedRefusals(request)


class _NotedRefusals:
    """Written out, as the context of `counted` is."""

    __slots__ = ("_request",)

    def __init__(self, request: AnyConnection) -> None:
        self._request = request

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Note what is raised, if it is a refusal."""
        if not isinstance(error, CallerRefused):
            return
        request = self._request
        count_refusal(request.app.state.metrics, error)
        if error.reason in FAILED_LOGINS:
            failed: FailedLogins = request.app.state.failed_logins
            seconds = failed.count(address_of(request.scope))
            if seconds:
                with admission_of(request.scope).parked():
                    await asyncio.sleep(seconds)


def _noted(identity: Identity) -> Identity:
    if (notes := current.get()) is not None:
        notes.caller, notes.key = identity.id, identity.key
    return identity


def _uses_keys(request: AnyConnection) -> bool:
    mode: str = request.app.state.settings.auth.mode
    return mode != "none"
