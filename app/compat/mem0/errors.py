"""Errors as mem0's clients read them: JSON with a `detail`."""

from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap
from msgspec import Struct

from app.http.problems import INVALID_INPUT, headers_of, logged_problem

STATUS_BAD_REQUEST = 400


class Mem0Error(Struct, frozen=True, omit_defaults=True):
    """What went wrong, in words; `type` names the kind of problem and never changes."""

    detail: str
    type: str
    request_id: str | None = None


def respond_as_mem0(request: Request[Any, Any, Any], error: Exception) -> Response[Mem0Error]:
    """Answer with the detail of the problem; what breaks a rule is 400 here."""
    problem = logged_problem(error, request.method, request.scope.get("path_template"))
    status = STATUS_BAD_REQUEST if problem.status == INVALID_INPUT.status else problem.status
    return Response(
        Mem0Error(problem.detail, problem.type, problem.request_id), status_code=status, headers=headers_of(error)
    )


HANDLERS: ExceptionHandlersMap = {HTTPException: respond_as_mem0, Exception: respond_as_mem0}
