"""What a handler of another protocol receives of its request: who calls, for whom it may speak, and the provider."""

from collections.abc import Mapping
from typing import Any, Literal

from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from msgspec import Struct

from app.auth.admission import ADMIN_PORT, identified
from app.auth.caller import USER_HEADER, Authenticator, Caller, Identity
from app.http.admission.admitted import Charged, admission_of
from app.http.headers import note_conditions
from app.http.idempotency import HEADER, WriteIds, check_keys
from app.http.problems import BAD_REQUEST, RequestError
from providers.limits import check_user_id
from providers.store import MemoryStore

# What an operation does to memories; a key grants access to each.
Verb = Literal["read", "write", "delete"]
VERBS: tuple[Verb, ...] = ("read", "write", "delete")


class ProtocolCall(Struct, frozen=True, kw_only=True):
    """Describe a request of another protocol, in which the user stands anywhere but in our header.

    `recall_limit` is the configured default, `most_bytes` bounds the answer, `admission` is charged the exact price.
    """

    provider: MemoryStore
    identity: Identity
    authenticator: Authenticator
    headers: Mapping[str, str]
    key: str | None
    recall_limit: int
    most_bytes: int
    admission: Charged

    def allows(self, verb: Verb) -> bool:
        """Return whether the caller's key grants access to such an operation."""
        return _scope_of(verb) in self.identity.scopes

    def require(self, verb: Verb) -> None:
        """Require such access of the caller's key; raise `RequestError` if it lacks it."""
        self.identity.require(_scope_of(verb))

    def caller(self, user: str | None = None) -> Caller:
        """Return the caller on behalf of the user that the protocol names, else of the one that our header names.

        Raises:
            RequestError: the key does not speak for this user.
            InvalidInput: the user is invalid, or nobody names one.
        """
        headers = self.headers
        if user is not None:
            check_user_id(user)
            headers = {USER_HEADER.lower(): user.encode().decode("latin-1")}
        return Caller(self.identity.id, self.authenticator.user_of(self.identity, headers))

    def ids(self, caller: Caller) -> WriteIds:
        """Return what mints the ids of this request's writes, the same again when it is repeated with a key."""
        return WriteIds(caller, self.key)


def protocol_call(connection: ASGIConnection[Any, Any, Any, Any]) -> ProtocolCall:
    """Identify the caller of a request, and gather what a handler needs; its body has not been read yet.

    Raises:
        NotFoundException: this port is for operators.
        RequestError: the caller is unknown, or a header is given twice.
        InvalidInput: a header is malformed.
    """
    if ADMIN_PORT in connection.scope:
        raise NotFoundException
    if len(connection.headers.getall(USER_HEADER, [])) > 1:
        raise RequestError(BAD_REQUEST, f"{USER_HEADER} must be given once", field=USER_HEADER)
    state = connection.app.state
    identity = identified(connection, state.authenticator, "memory")
    note_conditions(connection)
    keys = connection.headers.getall(HEADER, [])
    check_keys(keys)
    return ProtocolCall(
        provider=state.provider,
        identity=identity,
        authenticator=state.authenticator,
        headers=connection.headers,
        key=keys[0] if keys else None,
        recall_limit=state.settings.recall_limit,
        most_bytes=state.settings.limits.max_answer_bytes,
        admission=admission_of(connection.scope),
    )


def _scope_of(verb: Verb) -> Literal["memory"]:  # noqa: ARG001 - one scope grants access to all of them
    return "memory"
