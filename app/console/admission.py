"""Admission, before every page of the console: the port, the origin, the operator, and the token of a form."""

import hmac
from typing import Any

from litestar import Request
from litestar.exceptions import NotFoundException

from app.auth.admission import ADMIN_PORT, checks_scope, identified, refusals_noted
from app.auth.caller import Identity
from app.auth.credentials import credential_in
from app.auth.loopback import require_loopback_name
from app.auth.origin import require_own_page
from app.auth.refusals import CallerRefused
from app.console.console import Console
from app.console.forms import TOKEN, read_form
from app.console.session import NO_KEY, Session, Sessions
from app.http.parameters import refuse_unknown_parameters
from app.http.problems import FORBIDDEN, RequestError
from app.http.target import require_utf8_path, require_utf8_query
from observability.http import came_over_tls

SESSION_COOKIE = "ninai_console"
# Another cookie for the login form: a visitor who follows a link of another site, without the cookie, keeps the
# session.
ENTRANCE_COOKIE = "ninai_entrance"
# Browsers store a cookie with such a name only from TLS, and for this host alone.
_HOST_PREFIX = "__Host-"


def cookie_name(request: Request[Any, Any, Any], name: str) -> str:
    """Return what a cookie is called on the connection of a request."""
    return f"{_HOST_PREFIX}{name}" if came_over_tls(request.scope) else name


def cookie_in(request: Request[Any, Any, Any], name: str) -> str:
    """Return the cookie that the browser sends, empty without one."""
    return request.cookies.get(cookie_name(request, name), "")


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
    await _resume_entrance(request)
    await _check_request(request)


@checks_scope
async def admit_operator(request: Request[Any, Any, Any]) -> None:
    """Admit an operator, by the key of a header or by a session; of forms, only those of the console.

    Raises:
        NotFoundException: the console has another port.
        RequestError: the caller is no operator, or a page of another site sent the request.
        InvalidInput: a parameter is not known here.
    """
    sessions = await _resume_entrance(request)
    async with refusals_noted(request):
        held = await sessions.resume(cookie_in(request, SESSION_COOKIE))
        identity = request.state.identity = _identify(request, held)
        request.state.operator = identity.id
    await _check_request(request)


async def _resume_entrance(request: Request[Any, Any, Any]) -> Sessions:
    await admit_to_port(request)
    console: Console = request.app.state.console
    if not console.uses_keys:
        require_loopback_name(request.headers)
    sessions = await console.sessions()
    entered = await sessions.resume(cookie_in(request, ENTRANCE_COOKIE))
    nobodys = entered is not None and entered.key == NO_KEY
    request.state.session = entered if nobodys else sessions.begin_for_nobody()
    return sessions


def _identify(request: Request[Any, Any, Any], held: Session | None) -> Identity:
    """Return who the operator is: of the session that is held, or of the key in a header, whose forms are nobody's."""
    console: Console = request.app.state.console
    session = held if console.uses_keys and held is not None and held.identity is not None else None
    if session is None:
        if console.uses_keys and credential_in(request.headers) is None:
            raise CallerRefused("session", "There is no session, or it has ended: log in")
        return identified(request)
    if credential_in(request.headers) is not None:
        raise CallerRefused("several", "Send one credential: either the cookie of a session or the header of a key")
    request.state.session = session
    return identified(request, session.identity)


async def _check_request(request: Request[Any, Any, Any]) -> None:
    """Check the parameters and the form's token, now that the operator is known."""
    require_utf8_path(request)
    require_utf8_query(request)
    refuse_unknown_parameters(request)
    if request.method == "POST":
        session: Session = request.state.session
        require_own_page(request.headers)
        # No page has the token of a session that has only begun, so that there is nothing to read its form for.
        if session.cookie not in (cookie_in(request, SESSION_COOKIE), cookie_in(request, ENTRANCE_COOKIE)):
            raise _out_of_date()
        fields = request.state.form = await read_form(request)
        if not hmac.compare_digest(fields.get(TOKEN, "").encode(), session.form.encode()):
            raise _out_of_date()


def _out_of_date() -> RequestError:
    return RequestError(FORBIDDEN, "The page was out of date, so nothing was done: reload it, and repeat")
