"""The bases of the API's resources: who is admitted, what handlers receive, and what an operation's document holds."""

from typing import Any

from litestar import Controller
from litestar.di import Provide
from litestar.dto import AbstractDTO

from app.auth.admission import admit, admit_operator
from app.http import problems
from app.http.calls import provide_call, provide_write_call
from app.http.problems import ProblemType, described

OPERATOR_PROBLEMS = (problems.BAD_REQUEST, problems.UNAUTHENTICATED, problems.FORBIDDEN, problems.INVALID_INPUT)
READ_PROBLEMS = (*OPERATOR_PROBLEMS, problems.UNAVAILABLE, problems.OVERLOADED, problems.RATE_LIMITED)
WRITE_PROBLEMS = (*READ_PROBLEMS, problems.READ_ONLY)
FILL_PROBLEMS = (*WRITE_PROBLEMS, problems.QUOTA_EXCEEDED)  # of what may make more of what is held
_OF_BODY = (problems.MALFORMED_BODY, problems.REQUEST_TIMEOUT, problems.TOO_LARGE, problems.UNSUPPORTED_MEDIA_TYPE)


class UserResource(Controller):
    """A resource of the calling user."""

    path = "/memory"
    before_request = staticmethod(admit)
    security = ({"bearer": []}, {"apiKey": []}, {})
    dependencies = {"call": Provide(provide_call), "write": Provide(provide_write_call)}  # noqa: RUF012 - read by the framework, never changed


class OperatorResource(Controller):
    """A resource of the admin API; its handlers receive a `service`."""

    tags = ("admin",)
    before_request = staticmethod(admit_operator)
    security = ({"bearer": []}, {"apiKey": []}, {})


def taking(dto: type[AbstractDTO[Any]], *kinds: ProblemType, accepted: Any = None) -> dict[str, Any]:  # noqa: ANN401 - as there
    """Return the options of a handler that takes a body; `kinds` and `accepted` as of `problems.described`."""
    return {"dto": dto, "return_dto": None, "responses": described(*kinds, *_OF_BODY, accepted=accepted)}
