"""Admission, before every page of the console: the port, the origin, the operator, and the token of a form."""

import hmac
from typing import Any

from litestar import Request
from litestar.exceptions import NotFoundException

from app.auth.admission import ADMIN_PORT
from app.auth.api_key import CHALLENGE, key_in
from app.auth.caller import Authenticator, Identity
from app.auth.loopback import require_loopback_name
from app.auth.origin import require_own_page
from app.console.console import Console
from app.console.forms import TOKEN, read_form
from app.console.session import NO_KEY, Session, Sessions
from app.http.parameters import refuse_unknown_parameters
from app.http.problems import FORBIDDEN, UNAUTHENTICATED, RequestError
from observability.notes import current

COOKIE = "ninai_console"
# Another cookie for the login form: a visitor who follows a link of another site, without the cookie, keeps the
# session.
ENTRANCE_COOKIE = "ninai_entrance"


async def admit_to_port(request: Request[Any, Any, Any]) -> None:
    """Admit requests through the port that has the console.

    Raises:
        NotFoundException: it is another port.
    """
    if request.app.state.settings.admin.port is not None and ADMIN_PORT not in request.scope:
        raise NotFoundException


async def admit_visitor(request: Request[Any, Any, Any]) -> None:
    """Admit an operator who has not logged in yet, with a session of no key; of forms, only those of the console.

    Raises:
        NotFoundException: the console has another port.
        RequestError: a page of another site sent the request.
        InvalidInput: a parameter is not known here.
    """
    await _resume_session(request)
    await _check_request(request)


async def admit_operator(request: Request[Any, Any, Any]) -> None:
    """Admit an operator, by the key of a header or by a session; of forms, only those of the console.

    Raises:
        NotFoundException: the console has another port.
        RequestError: the caller is no operator, or a page of another site sent the request.
        InvalidInput: a parameter is not known here.
    """
    sessions = await _resume_session(request)
    held = sessions.resume(request.cookies.get(COOKIE, ""))
    identity = _identified(request, held)
    if (notes := current.get()) is not None:
        notes.caller = identity.id
    identity.require("admin")
    request.state.operator = identity.id
    request.state.session = held if held is not None and held.key == identity.id else sessions.begin(identity.id)
    await _check_request(request)


async def _resume_session(request: Request[Any, Any, Any]) -> Sessions:
    await admit_to_port(request)
    console: Console = request.app.state.console
    if console.auth.mode == "none":
        require_loopback_name(request.headers)
    sessions = await console.sessions()
    entered = sessions.resume(request.cookies.get(ENTRANCE_COOKIE, ""))
    request.state.session = entered if entered is not None and entered.key == NO_KEY else sessions.begin(NO_KEY)
    return sessions


def _identified(request: Request[Any, Any, Any], held: Session | None) -> Identity:
    console: Console = request.app.state.console
    if console.auth.mode == "api_key" and key_in(request.headers) is None:
        key = None if held is None else console.auth.keys.get(held.key)
        if held is None or key is None:
            raise RequestError(UNAUTHENTICATED, "There is no session, or it has ended: log in", headers=CHALLENGE)
        return Identity(held.key, frozenset(key.scopes), key.user)
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator.identify(request.method, request.headers)


async def _check_request(request: Request[Any, Any, Any]) -> None:
    """Check the parameters and the form's token, now that the operator is known."""
    refuse_unknown_parameters(request)
    if request.method == "POST":
        session: Session = request.state.session
        require_own_page(request.headers)
        # No page has the token of a session that has only begun, so that there is nothing to read its form for.
        if session.cookie not in (request.cookies.get(COOKIE), request.cookies.get(ENTRANCE_COOKIE)):
            raise _out_of_date()
        fields = request.state.form = await read_form(request)
        if not hmac.compare_digest(fields.get(TOKEN, "").encode(), session.form.encode()):
            raise _out_of_date()


def _out_of_date() -> RequestError:
    return RequestError(FORBIDDEN, "The page was out of date, so nothing was done: reload it, and repeat")
