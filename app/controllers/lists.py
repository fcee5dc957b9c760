"""The calling user's memories as a list: those that meet conditions, page by page, counted, or deleted."""

from datetime import datetime
from typing import Annotated, Literal

from litestar import HttpMethod, Response, delete, get, post, route
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET
from msgspec.structs import replace

from app.auth.routes import SCOPE
from app.controllers.resources import READ_PROBLEMS, WRITE_PROBLEMS, UserResource, taking
from app.erasure.schemas import ErasureResponse
from app.erasure.service import ErasureService, provide_erasures, status_of
from app.http import problems, schemas
from app.http.admission import price
from app.http.answers import all_shown, of_memories
from app.http.calls import ReadCall, WriteCall
from app.http.cursors import MAX_CURSOR_CHARS
from app.http.headers import write_status
from app.http.json.body import JsonDTO
from app.http.parameters import PARAMETERS
from app.http.schemas import ConditionsRequest, ListRequest
from app.http.where import MAX_WHERE_CHARS, read_where
from providers import limits
from providers.answers import PARTIAL, Found
from providers.errors import InvalidInput
from providers.expiry import BEGINNING
from providers.labels import LABELS, MAX_LABEL_CHARS
from providers.positions import Order
from providers.source import ASKED, MAX_CALLER_CHARS, Origin
from providers.types import ALL, PageQuery, as_page

_LIST_PROBLEMS = (*READ_PROBLEMS, problems.CURSOR_LOST, problems.SESSION_LOST)
MOMENTS_OF_CREATION = ("created_from", "created_before")
CONDITIONS = (*LABELS, "where", *MOMENTS_OF_CREATION, *ASKED)


def _label(text: str, longest: int = MAX_LABEL_CHARS) -> QueryParameter:
    return QueryParameter(min_length=1, max_length=longest, description=text)


_LIMIT = QueryParameter(ge=1, le=limits.MAX_LIST_LIMIT, description="Memories on a page.")
_OFFSET = QueryParameter(ge=0, le=limits.MAX_LIST_OFFSET, description="Memories to skip; not together with a cursor.")
_CURSOR = QueryParameter(max_length=MAX_CURSOR_CHARS, description="The `next_cursor` of the page before.")
_ORDER = QueryParameter(description="Which memory comes first.")
_TOTAL = QueryParameter(description="Count the memories that meet the conditions.")
_WHERE = QueryParameter(max_length=MAX_WHERE_CHARS, description="A condition on the metadata, as JSON.")
_FROM = QueryParameter(description="The earliest moment of creation, with its time zone.")
_BEFORE = QueryParameter(description="The moment before which they were created, with its time zone.")
_ORIGIN = QueryParameter(description="What the texts come from, as their writers have said.")
_CONFIRM = QueryParameter(description="`everything`; with conditions also `matching`. A dry run needs none.")
_ERASE = QueryParameter(description="Leave nothing at all of the user, and give a receipt; with no conditions.")
_DRY_RUN = QueryParameter(description="Count what would be deleted, and delete nothing.")

Session = Annotated[str | None, _label("Memories of this session.")]
Agent = Annotated[str | None, _label("Memories of this agent.")]
App = Annotated[str | None, _label("Memories of this app.")]
Speaker = Annotated[str | None, _label("Memories of this speaker.")]
Where = Annotated[str | None, _WHERE]
OfOrigin = Annotated[Origin | None, _ORIGIN]
SourceCaller = Annotated[str | None, _label("Memories that this caller has written.", MAX_CALLER_CHARS)]
SourceKey = Annotated[str | None, _label("Memories that were written with this API key.", MAX_CALLER_CHARS)]


async def provide_conditions(  # noqa: PLR0913 - one for each parameter of the query
    *,
    session: Session = None,
    agent: Agent = None,
    app: App = None,
    speaker: Speaker = None,
    where: Where = None,
    created_from: Annotated[datetime | None, _FROM] = None,
    created_before: Annotated[datetime | None, _BEFORE] = None,
    origin: OfOrigin = None,
    source_caller: SourceCaller = None,
    source_key: SourceKey = None,
) -> ConditionsRequest:
    """Gather the conditions of a request as one value; raise `InvalidInput` if `where` is none.

    For handlers that take long: resolving it beside other dependencies costs more than a small query.
    """
    return ConditionsRequest(
        session=session,
        agent=agent,
        app=app,
        speaker=speaker,
        where=read_where(where),
        created_from=created_from,
        created_before=created_before,
        origin=origin,
        source_caller=source_caller,
        source_key=source_key,
    )


class ListsController(UserResource):
    """One user's memories, many at a time."""

    tags = ("memory",)

    # As for one memory: the framework's own would name the last of the methods alone.
    @route(
        "/memories",
        http_method=HttpMethod.OPTIONS,
        status_code=204,
        opt={SCOPE: "memory:read"},
        include_in_schema=False,
    )
    async def allowed_methods_for_all(self) -> Response[None]:
        """Return the methods for all memories."""
        return Response(None, headers={"Allow": "DELETE, GET, OPTIONS"})

    @get(
        "/memories",
        opt={SCOPE: "memory:read", PARAMETERS: ("limit", "offset", "cursor", "order", "total", *CONDITIONS)},
        responses=problems.described(*_LIST_PROBLEMS, problems.TOO_DEAR),
    )
    async def list_memories(  # noqa: PLR0913 - one for each parameter of the query
        self,
        call: NamedDependency[ReadCall],
        *,
        limit: Annotated[int, _LIMIT] = limits.DEFAULT_LIST_LIMIT,
        offset: Annotated[int, _OFFSET] = 0,
        cursor: Annotated[str | None, _CURSOR] = None,
        order: Annotated[Order, _ORDER] = "newest",
        total: Annotated[bool, _TOTAL] = False,
        session: Session = None,
        agent: Agent = None,
        app: App = None,
        speaker: Speaker = None,
        where: Where = None,
        created_from: Annotated[datetime | None, _FROM] = None,
        created_before: Annotated[datetime | None, _BEFORE] = None,
        origin: OfOrigin = None,
        source_caller: SourceCaller = None,
        source_key: SourceKey = None,
    ) -> Response[schemas.ListResponse]:
        """List memories from newest to oldest, or the other way round, those that meet the conditions.

        The cursor neither repeats nor skips when memories come and go meanwhile; the offset may. A page that would be
        larger than an answer may be (16 MiB by default) ends early, with a cursor.
        """
        wanted = ListRequest(
            order=order,
            limit=limit,
            offset=offset,
            cursor=cursor,
            total=total,
            session=session,
            agent=agent,
            app=app,
            speaker=speaker,
            where=read_where(where),
            created_from=created_from,
            created_before=created_before,
            origin=origin,
            source_caller=source_caller,
            source_key=source_key,
        )
        query = await _admitted(call, wanted)
        return await _answer(call, query, await call.provider.page(query))

    @post(
        "/list",
        status_code=200,
        opt={SCOPE: "memory:read"},
        **taking(JsonDTO[ListRequest], *_LIST_PROBLEMS, problems.TOO_DEAR),
    )
    async def query_memories(
        self, data: JSONBody[ListRequest], call: NamedDependency[ReadCall]
    ) -> Response[schemas.ListResponse]:
        """List memories that meet conditions, up to 1,000 on a page, in either order.

        A page that would be larger than an answer may be ends early, with a cursor. A cursor goes on with the list that
        it comes from alone: with other conditions or in another order it is refused.
        """
        query = await _admitted(call, data)
        return await _answer(call, query, await call.provider.page(query))

    @delete(
        "/memories",
        status_code=200,
        opt={SCOPE: "memory:delete", PARAMETERS: ("confirm", "dry_run", "erase", *CONDITIONS)},
        dependencies={"erasures": Provide(provide_erasures)},
        responses=problems.described(
            *WRITE_PROBLEMS, problems.TOO_DEAR, accepted=schemas.DeleteAllResponse | ErasureResponse
        ),
    )
    async def delete_all(  # noqa: PLR0913 - one for each parameter of the query
        self,
        write: NamedDependency[WriteCall],
        erasures: NamedDependency[ErasureService],
        *,
        confirm: Annotated[Literal["everything", "matching"] | None, _CONFIRM] = None,
        dry_run: Annotated[bool, _DRY_RUN] = False,
        erase: Annotated[bool, _ERASE] = False,
        session: Session = None,
        agent: Agent = None,
        app: App = None,
        speaker: Speaker = None,
        where: Where = None,
        created_from: Annotated[datetime | None, _FROM] = None,
        created_before: Annotated[datetime | None, _BEFORE] = None,
        origin: OfOrigin = None,
        source_caller: SourceCaller = None,
        source_key: SourceKey = None,
    ) -> Response[schemas.DeleteAllResponse | schemas.DryRunResponse | ErasureResponse]:
        """Delete the memories that meet the conditions for good, up to 1,000 in one request. 202 as for one.

        Without conditions these are all memories. A dry run counts them, and deletes none. With `erase`, and without
        conditions, nothing at all of the user stays, not even that there were memories; the answer is a receipt, and
        202 as long as a store is still to be erased.
        """
        wanted = ConditionsRequest(
            session=session,
            agent=agent,
            app=app,
            speaker=speaker,
            where=read_where(where),
            created_from=created_from,
            created_before=created_before,
            origin=origin,
            source_caller=source_caller,
            source_key=source_key,
        )
        cost = price.ERASE_ALL + price.of_conditions(wanted)
        conditions = wanted.conditions
        if conditions != ALL or dry_run:
            write.user.require("memory:read")  # the count tells what memories hold
        if confirm == "matching" and conditions == ALL:
            raise InvalidInput("confirm", 'must be "everything": this is about all memories of the user')
        if dry_run:
            await write.admission.charge(cost)
            counted = await write.provider.page(_counting(as_page(conditions, write.owner)))
            return Response(schemas.DryRunResponse(counted.total or 0))
        if confirm is None:
            if conditions != ALL:
                raise InvalidInput("confirm", 'must be "matching": this deletes the memories that meet the conditions')
            raise InvalidInput("confirm", 'must be "everything": this deletes all memories of the user')
        await write.admission.charge(cost)
        if erase:
            if conditions != ALL:
                raise InvalidInput("erase", "takes no conditions: it is about all that there is of the user")
            receipt = await erasures.erase(write.owner)
            return Response(receipt, status_code=status_of(receipt))
        erased = await write.provider.erase_all(write.owner, conditions=conditions)
        # There may be memories that the provider could not list.
        more = erased.count == limits.MAX_BATCH or PARTIAL in erased.degraded
        return Response(schemas.DeleteAllResponse(erased.count, more), status_code=write_status(erased))


async def _admitted(call: ReadCall, wanted: ListRequest) -> PageQuery:
    """Charge for a page, and return it."""
    await call.admission.charge(price.of_list(wanted))
    return wanted.page(call.owner, call.most_bytes, call.cursors)


async def _answer(call: ReadCall, query: PageQuery, page: Found) -> Response[schemas.ListResponse]:
    memories = await all_shown(page.memories)
    total = UNSET if page.total is None else page.total
    return await of_memories(schemas.ListResponse(memories, len(memories), call.cursors.next(page, query), total))


def _counting(query: PageQuery) -> PageQuery:
    # A deletion takes what has expired or is in quarantine as well, and a dry run counts what it would take.
    return replace(query, limit=1, total=True, now=BEGINNING, quarantined=True)
