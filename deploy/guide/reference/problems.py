"""The reference of all kinds of problems, with what a caller does about each."""

from app.http import problems
from app.http.problem_advice import ADVICE
from app.http.problems import ProblemType, urn

_HEAD = """# Problems

Every kind of error that the service answers with, as `application/problem+json` (RFC 9457). The `type` names the kind
and never changes; programs decide by it, or by the status. `detail` is for people, and `request_id` finds the request
in the [log](logs.md). [The API](api.md#errors) says more about errors.

This page is made from the code by `make reference`.
"""


def kinds() -> list[ProblemType]:
    """Return every kind of problem, by status and name."""
    found = [kind for kind in vars(problems).values() if isinstance(kind, ProblemType)]
    return sorted(found, key=lambda kind: (kind.status, kind.name))


def problems_page() -> str:
    """Return the page."""
    sections = (
        f"\n## {kind.title}\n\n- status: {kind.status}\n- type: `{urn(kind)}`\n\n{ADVICE[kind]}\n" for kind in kinds()
    )
    return _HEAD + "".join(sections)
