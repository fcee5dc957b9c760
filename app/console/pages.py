"""Answers of the console: pages from templates, with headers that block foreign scripts, frames and forms."""

from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from app.auth.caller import Identity
from app.auth.credentials import CREDENTIAL_HEADERS
from app.console.admission import ENTRANCE_COOKIE, SESSION_COOKIE, cookie_in, cookie_name
from app.console.console import Console
from app.console.session import NO_KEY, NOTICE_SECONDS, SESSION_SECONDS, Session
from app.console.visible_text import visible
from app.console.worded import worded
from app.console.wording import STATES, WISHES, duration, moment, share
from app.http.problems import STATUS_SERVER_ERRORS, UNAUTHENTICATED, Problem, respond
from app.settings.auth import Scope
from observability.http import came_over_tls
from providers.labels import labels_of

AnyRequest = Request[Any, Any, Any]

PATH = "/console"
LOGIN_PATH = f"{PATH}/login"
NOTICE_COOKIE = "ninai_notice"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer": browsers would then not say from which page a form was sent.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PASSED_ON = {"www-authenticate", "retry-after"}
_SEE_OTHER = 303
BROWSING: Scope = "admin:memories"  # what the memory browser asks for

_templates = Environment(
    loader=PackageLoader("app.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {
    "worded": worded,
    "duration": duration,
    "labels": lambda labelled: [(name, text) for name, text in labels_of(labelled).items() if text is not None],
    "moment": moment,
    "number": "{:,}".format,
    "share": share,
    "since": lambda seconds: moment(datetime.fromtimestamp(seconds, UTC)),
    "state": STATES.__getitem__,
    "visible": visible,
    "wish": WISHES.__getitem__,
}


def page(request: AnyRequest, template: str, *, problem: Problem | None = None, **shown: object) -> Response[str]:
    """Return a page for the operator of the request's session; its status is that of the problem, if any."""
    console: Console = request.app.state.console
    session: Session | None = request.state.get("session")
    identity: Identity | None = request.state.get("identity")
    text = _templates.get_template(template).render(
        session=session,
        operator=request.state.get("operator"),
        browses=identity is not None and BROWSING in identity.scopes,
        can_log_out=session is not None and session.key != NO_KEY,
        console=console,
        problem=problem,
        prefix=_prefix(request),
        **shown,
    )
    status = 200 if problem is None else problem.status
    answer = Response(text, status_code=status, media_type="text/html", headers=HEADERS)
    if session is not None and session.cookie != cookie_in(request, _name(session)):
        store_session(request, answer, session)
    return answer


def redirect_home(request: AnyRequest, place: str = "") -> Response[None]:
    """Redirect the browser with GET to a page of the console, by default the first, whatever its method was."""
    return Response(None, status_code=_SEE_OTHER, headers={**HEADERS, "Location": f"{_prefix(request)}{PATH}{place}"})


async def redirect_back(request: AnyRequest, done: str, place: str = "") -> Response[None]:
    """Redirect the browser to the first page, or another `place` in the console, which shows what was done."""
    console: Console = request.app.state.console
    answer = redirect_home(request, place)
    notice = (await console.sessions()).notice(done)
    answer.set_cookie(_cookie(request, NOTICE_COOKIE, notice, NOTICE_SECONDS))
    return answer


async def take_notice(request: AnyRequest) -> str | None:
    """Return the notice of what was done before this page, which is shown once."""
    console: Console = request.app.state.console
    return (await console.sessions()).read_notice(cookie_in(request, NOTICE_COOKIE))


def forget_notice(request: AnyRequest, answer: Response[str]) -> Response[str]:
    """Have the browser delete the notice that this answer shows."""
    if cookie_in(request, NOTICE_COOKIE):
        answer.set_cookie(_cookie(request, NOTICE_COOKIE, "", 0))
    return answer


def store_session(request: AnyRequest, answer: Response[Any], session: Session) -> None:
    """Have the browser store a session."""
    answer.set_cookie(_cookie(request, _name(session), session.cookie, SESSION_SECONDS))


def delete_session(request: AnyRequest) -> Response[None]:
    """Have the browser delete its session."""
    answer = redirect_home(request)
    answer.set_cookie(_cookie(request, SESSION_COOKIE, "", 0))
    return answer


def problem_page(request: AnyRequest, error: Exception) -> Response[str]:
    """Show an error on a page: the login form, where a login is missing."""
    response = respond(request, error)
    problem: Problem = response.content
    refused = problem.status == UNAUTHENTICATED.status or request.scope["path"] == LOGIN_PATH
    entrance = refused and problem.status < STATUS_SERVER_ERRORS and "session" in request.state
    # The first visit without a session is no error.
    shown = any(name in request.headers for name in CREDENTIAL_HEADERS)
    new = request.method == "GET" and not cookie_in(request, SESSION_COOKIE) and not shown
    answer = page(request, "login.html" if entrance else "problem.html", problem=problem, new=entrance and new)
    answer.headers.update({name: str(value) for name, value in response.headers.items() if name.lower() in _PASSED_ON})
    return answer


HANDLERS: ExceptionHandlersMap = {HTTPException: problem_page, Exception: problem_page}


def _prefix(request: AnyRequest) -> str:
    prefix: str = request.app.state.settings.server.prefix
    return prefix


def _name(session: Session) -> str:
    return ENTRANCE_COOKIE if session.key == NO_KEY else SESSION_COOKIE


def _cookie(request: AnyRequest, name: str, value: str, seconds: int) -> Cookie:
    secure = came_over_tls(request.scope)
    return Cookie(
        key=cookie_name(request, name),
        value=value,
        path="/" if secure else f"{_prefix(request)}{PATH}",
        max_age=seconds,
        httponly=True,
        samesite="strict",
        secure=secure,
    )
