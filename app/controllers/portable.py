"""The calling user's memories out of the service and into it, all of them in one go, as lines of JSON."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from app.auth.routes import SCOPE
from app.controllers.lists import CONDITIONS, provide_conditions
from app.controllers.resources import READ_PROBLEMS, WRITE_PROBLEMS, UserResource, taking
from app.http import problems
from app.http.admission import price
from app.http.answers import in_parts
from app.http.calls import ReadCall, WriteCall
from app.http.cursors import MAX_CURSOR_CHARS
from app.http.headers import write_status
from app.http.json.lines import LinesBody, LinesDTO
from app.http.line_stream import LineStream
from app.http.parameters import PARAMETERS
from app.http.portable_schemas import ImportResponse, import_response
from app.http.schemas import ConditionsRequest
from app.portable.answers import described_export, streamed
from app.portable.exporting import PAGE_MEMORIES, Export
from app.portable.importing import MAX_IMPORT_NAME_CHARS, Import, check_lines, count_lines

_AFTER = QueryParameter(
    min_length=1,
    max_length=MAX_CURSOR_CHARS,
    description="The `after` of the last checkpoint of an export that was cut off.",
)
_NAME = QueryParameter(
    max_length=MAX_IMPORT_NAME_CHARS,
    description="From it derive the ids that replace those of deleted memories.",
)

After = Annotated[str | None, _AFTER]


class PortableController(UserResource):
    """All of one user's memories."""

    tags = ("transfer",)
    dependencies = {**UserResource.dependencies, "conditions": Provide(provide_conditions)}  # noqa: RUF012 - as there

    @get(
        "/export",
        opt={SCOPE: "memory:export", PARAMETERS: ("after", *CONDITIONS)},
        responses=described_export(*READ_PROBLEMS, problems.CURSOR_LOST, problems.SESSION_LOST, problems.TOO_DEAR),
    )
    async def export_memories(
        self,
        request: Request[Any, Any, Any],
        call: NamedDependency[ReadCall],
        conditions: NamedDependency[ConditionsRequest],
        after: After = None,
    ) -> LineStream:
        """Export the memories that meet the conditions, as lines of JSON, from the oldest to the newest.

        The first line is a header, the last one a trailer that counts the others. An export without a trailer was cut
        off: it goes on with the `after` of its last checkpoint. The memories are followed by their superseded versions,
        and without conditions by what was deleted: tombstones, without text.
        """
        await call.admission.charge(price.of_page(PAGE_MEMORIES, 0) + price.of_conditions(conditions))
        chain = request.app.state.chain
        export = Export(call.provider, lambda: chain.route, call.owner, call.cursors, conditions.conditions)
        return await streamed(export, after)

    @post(
        "/import",
        status_code=200,
        opt={SCOPE: "memory:write", PARAMETERS: ("name",)},
        **taking(LinesDTO, *WRITE_PROBLEMS, problems.TOO_DEAR, accepted=ImportResponse),
    )
    async def import_memories(
        self,
        data: LinesBody,
        write: NamedDependency[WriteCall],
        name: Annotated[str, _NAME] = "",
    ) -> Response[ImportResponse]:
        """Store the memories of an export, up to 10,000 lines in one request; each line has a result of its own.

        A memory keeps its id, its times and its place in lists. One whose id is taken is left as it is, and one whose
        id was deleted gets another id, the same one when the import is repeated: a repeated import stores nothing
        twice. Superseded versions follow their memories. Nothing is deleted. 202 as for a new memory; 503 if it is not
        known of any that it was stored.
        """
        owner = write.owner
        check_lines(data.body)
        await write.admission.charge(price.of_import(count_lines(data.body), len(data.body)))
        work = Import(write.provider, owner, write.now, name)
        results = await work.run(data.body)
        answer = import_response(results)
        return await in_parts(answer, write_status(*work.stored))
