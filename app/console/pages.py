"""Answers of the console: pages from templates, with headers that block foreign scripts, frames and forms."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from app.auth.api_key import key_in
from app.console.admission import COOKIE, ENTRANCE_COOKIE
from app.console.console import Console
from app.console.session import NO_KEY, NOTICE_SECONDS, SESSION_SECONDS, Session
from app.http.problems import STATUS_SERVER_ERRORS, UNAUTHENTICATED, Problem, respond

PATH = "/console"
LOGIN_PATH = f"{PATH}/login"
NOTICE_COOKIE = "ninai_notice"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer": browsers would then not say from which page a form was sent.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SEE_OTHER = 303

_templates = Environment(
    loader=PackageLoader("app.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request[Any, Any, Any], template: str, *, status: int = 200, **shown: object) -> Response[str]:
    """Return a page for the operator of the request's session."""
    console: Console = request.app.state.console
    session: Session | None = request.state.get("session")
    text = _templates.get_template(template).render(
        session=session,
        operator=None if session is None or session.key == NO_KEY else session.key,
        can_log_out=console.auth.mode != "none",
        console=console,
        **shown,
    )
    answer = Response(text, status_code=status, media_type="text/html", headers=HEADERS)
    if session is not None and session.cookie != request.cookies.get(_name(session)):
        store_session(request, answer, session)
    return answer


def redirect(path: str) -> Response[None]:
    """Redirect the browser to a page with GET, whatever method it has just used."""
    return Response(None, status_code=_SEE_OTHER, headers={**HEADERS, "Location": path})


async def redirect_back(request: Request[Any, Any, Any], done: str) -> Response[None]:
    """Redirect the browser to the first page, which shows what was done."""
    console: Console = request.app.state.console
    answer = redirect(PATH)
    notice = (await console.sessions()).notice(done)
    answer.set_cookie(_cookie(request, NOTICE_COOKIE, notice, NOTICE_SECONDS))
    return answer


async def take_notice(request: Request[Any, Any, Any]) -> str | None:
    """Return the notice of what was done before this page, which is shown once."""
    console: Console = request.app.state.console
    return (await console.sessions()).read_notice(request.cookies.get(NOTICE_COOKIE, ""))


def forget_notice(request: Request[Any, Any, Any], answer: Response[str]) -> Response[str]:
    """Have the browser delete the notice that this answer shows."""
    if NOTICE_COOKIE in request.cookies:
        answer.set_cookie(_cookie(request, NOTICE_COOKIE, "", 0))
    return answer


def store_session(request: Request[Any, Any, Any], answer: Response[Any], session: Session) -> None:
    """Have the browser store a session."""
    answer.set_cookie(_cookie(request, _name(session), session.cookie, SESSION_SECONDS))


def delete_session(request: Request[Any, Any, Any]) -> Response[None]:
    """Have the browser delete its session."""
    answer = redirect(PATH)
    answer.set_cookie(_cookie(request, COOKIE, "", 0))
    return answer


def problem_page(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
    """Show an error on a page: the login form, where a login is missing."""
    response = respond(request, error)
    problem: Problem = response.content
    refused = problem.status == UNAUTHENTICATED.status or request.scope["path"] == LOGIN_PATH
    entrance = refused and problem.status < STATUS_SERVER_ERRORS and "session" in request.state
    # The first visit without a session is no error.
    new = request.method == "GET" and COOKIE not in request.cookies and key_in(request.headers) is None
    answer = page(
        request,
        "login.html" if entrance else "problem.html",
        status=problem.status,
        problem=None if entrance and new else problem,
    )
    answer.headers.update(_extra(response.headers))
    return answer


HANDLERS: ExceptionHandlersMap = {HTTPException: problem_page, Exception: problem_page}


def _extra(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in headers.items() if name.lower() in {"www-authenticate", "retry-after"}}


def _name(session: Session) -> str:
    return ENTRANCE_COOKIE if session.key == NO_KEY else COOKIE


def _cookie(request: Request[Any, Any, Any], name: str, value: str, seconds: int) -> Cookie:
    # A proxy that ends TLS says so in this header; a client that forges it only receives a cookie that is stored more
    # safely.
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    secure = "https" in {request.scope["scheme"], forwarded}
    return Cookie(key=name, value=value, path=PATH, max_age=seconds, httponly=True, samesite="strict", secure=secure)
