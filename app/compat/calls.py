"""What a handler of another protocol receives of its request: who calls, for whom it may speak, and the provider."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from msgspec import Struct
from msgspec.structs import replace

from app.auth.admission import ADMIN_PORT, proven, refusals_noted, require_tenant
from app.auth.allowed_users import AllowedUsers
from app.auth.caller import Caller, Identity
from app.auth.contexts.once import use_once
from app.auth.naming import RequestUser, owners_named
from app.auth.refusals import counted
from app.extraction.extractor import Extractor
from app.http.admission.admitted import Charged, admission_of
from app.http.cursors import Cursors
from app.http.headers import note_conditions
from app.http.idempotency import HEADER, WriteIds, check_keys
from app.http.lifetimes import Lifetime
from app.settings.auth import Scope
from app.settings.expiry import ExpirySettings
from observability.metrics import Metrics
from providers.limits import check_user_id
from providers.owners import Owner
from providers.store import MemoryStore

# What an operation does to memories; a key grants access to each.
Verb = Literal["read", "write", "delete"]
VERBS: tuple[Verb, ...] = ("read", "write", "delete")

_CONNECTION = "connection"  # what such a caller shows, in words

_Connection = ASGIConnection[Any, Any, Any, Any]


class ProtocolCall(Struct, frozen=True, kw_only=True):
    """Describe a request of another protocol, in which the user stands anywhere but where our own API names it.

    `user` is the one whom its head names as our own API does. `recall_limit` is the configured default, `most_bytes`
    bounds the answer, `admission` is charged the exact price, `cursors` lead from page to page, `now` is when the
    request came, and `expiry` is configured. `extractor` takes facts out of messages, None if no model is configured.
    """

    provider: MemoryStore
    identity: Identity
    user: RequestUser
    metrics: Metrics
    key: str | None
    recall_limit: int
    most_bytes: int
    admission: Charged
    cursors: Cursors
    now: datetime
    expiry: ExpirySettings
    extractor: Extractor | None

    @property
    def own_user(self) -> str | None:
        """The user of a key that is meant where nobody is named; None also for whoever speaks for anybody."""
        users = self.identity.users
        return None if users.anybody else users.default

    def allows(self, verb: Verb) -> bool:
        """Return whether the caller's key grants access to such an operation."""
        return _scope_of(verb) in self.identity.scopes

    def require(self, verb: Verb) -> None:
        """Require such access of the caller's key; raise `CallerRefused` if it lacks it."""
        with counted(self.metrics):
            self.identity.require(_scope_of(verb))

    def caller(self, user: str | None = None) -> Caller:
        """Return the caller on behalf of the user that the protocol names, else of the one that the head names.

        Raises:
            CallerRefused: the key does not speak for this user.
            InvalidInput: the user is invalid, or nobody names one.
        """
        if user is None:
            return self.user.caller
        check_user_id(user)
        with counted(self.metrics):
            return self.identity.caller_for(user)

    def readable(self, caller: Caller, names: Sequence[str]) -> list[Owner]:
        """Return owners whose memories a caller asks for: its user, and those whom its key reads beside its users.

        Whoever names them is often a language model, which speaks for the one user of its connection, although the key
        of the connection may speak for others.

        Raises:
            CallerRefused: one of them is somebody else.
            InvalidInput: one is invalid or named twice.
        """
        reads = self.identity.users.reads
        users = AllowedUsers(only=frozenset({caller.user_id}), shown=_CONNECTION, reads=reads)
        with counted(self.metrics):
            return owners_named(replace(self.identity, users=users), names)

    def lifetime(self, caller: Caller) -> Lifetime:
        """Return how long what is written on behalf of a caller may live."""
        return self.expiry.lifetime(caller.owner.tenant, self.now)

    def ids(self, caller: Caller) -> WriteIds:
        """Return what mints the ids of this request's writes, the same again when it is repeated with a key."""
        return WriteIds(caller, self.key)


def admitted_call(request: Request[Any, Any, Any]) -> ProtocolCall:
    """Gather what a handler needs of a request that `admit_protocol` has admitted; its body has not been read yet.

    Raises:
        InvalidInput: a header is malformed.
    """
    return _gathered(request, request.state.identity, request.state.user)


async def call_with_message(connection: _Connection) -> ProtocolCall:
    """Identify who sends a message, which asks for a scope of its own, and gather what its handler needs.

    Raises:
        NotFoundException: this port is for operators.
        RequestError: the caller is unknown, has no access to memories, or does not speak for the user that is named; or
            it asks too much.
        InvalidInput: a header is malformed.
    """
    if ADMIN_PORT in connection.scope:
        raise NotFoundException
    async with refusals_noted(connection):
        identity = proven(connection)
        if not any(_scope_of(verb) in identity.scopes for verb in VERBS):
            identity.require(_scope_of("read"))
        require_tenant(identity.tenant, connection.app.state.settings.tenants)
        await use_once(connection, identity)
    connection.app.state.rate_limiter.admit(identity.id, identity.tenant)
    return _gathered(connection, identity, RequestUser(connection, identity))


def _gathered(connection: _Connection, identity: Identity, user: RequestUser) -> ProtocolCall:
    note_conditions(connection)
    keys = connection.headers.getall(HEADER, [])
    check_keys(keys)
    state = connection.app.state
    return ProtocolCall(
        provider=state.provider,
        identity=identity,
        user=user,
        metrics=state.metrics,
        key=keys[0] if keys else None,
        recall_limit=state.settings.recall_limit,
        most_bytes=state.settings.limits.max_answer_bytes,
        admission=admission_of(connection.scope),
        cursors=state.cursors,
        now=datetime.now(UTC),
        expiry=state.settings.expiry,
        extractor=state.extractor,
    )


def _scope_of(verb: Verb) -> Scope:
    return _SCOPES[verb]


_SCOPES: dict[Verb, Scope] = {"read": "memory:read", "write": "memory:write", "delete": "memory:delete"}
