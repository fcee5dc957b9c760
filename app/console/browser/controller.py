"""The pages of the memory browser."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from app.auth.routes import SCOPE
from app.console.admission import admit_operator
from app.console.browser.browser import Browser, provide_browser
from app.console.browser.forgetting import forget_memory, forget_page
from app.console.browser.question import CHOOSING, FIELDS, QUERY, form_of, given_in, question_of
from app.console.pages import BROWSING, HANDLERS, HEADERS, PATH, AnyRequest, forget_notice, page, take_notice
from app.http.cursors import MAX_CURSOR_CHARS
from app.http.line_stream import LineStream
from app.http.parameters import PARAMETERS
from app.http.problems import RequestError, problem_of
from app.portable.answers import streamed
from providers.errors import InvalidInput
from providers.owners import Owner

Browsing = NamedDependency[Browser]
Text = Annotated[str, QueryParameter()]
_OWNER = ("tenant", "user")


class BrowserController(Controller):
    """For operators who may see the memories of others; every request is one of the audit."""

    path = PATH
    include_in_schema = False
    opt = {SCOPE: BROWSING}  # noqa: RUF012 - read by the framework, never changed
    before_request = staticmethod(admit_operator)
    exception_handlers = HANDLERS
    dependencies = {"browser": Provide(provide_browser)}  # noqa: RUF012 - read by the framework, never changed

    @get("/users", opt={PARAMETERS: ("tenant", "prefix", "after")})
    async def users(
        self, request: AnyRequest, browser: Browsing, tenant: Text = "", prefix: Text = "", after: Text = ""
    ) -> Response[str]:
        """Find a user."""
        found, problem = None, None
        try:
            found = await browser.users(tenant, prefix, after or None)
        except InvalidInput as error:
            problem = problem_of(error)
        tenants = request.app.state.settings.tenants.enabled and browser.reader.tenant is None
        return page(
            request, "users.html", problem=problem, found=found, tenant=tenant, prefix_of=prefix, tenants=tenants
        )

    @get("/memories", opt={PARAMETERS: (*_OWNER, *FIELDS, "cursor")})
    async def memories(
        self,
        request: AnyRequest,
        browser: Browsing,
        tenant: Text = "",
        user: Text = "",
        cursor: Annotated[str, QueryParameter(max_length=MAX_CURSOR_CHARS)] = "",
    ) -> Response[str]:
        """List a user's memories that meet conditions, or recall some of them."""
        owner = browser.reader.owner(tenant, user)
        given = given_in(request.query_params)
        found, problem = None, None
        try:
            question = question_of(given)
            if question.query:
                found = await browser.recalled(owner, question)
            else:
                found = await browser.listed(owner, question, cursor or None)
        except (InvalidInput, RequestError) as error:
            problem = problem_of(error)
        shown = page(
            request,
            "memories.html",
            problem=problem,
            owner=owner,
            place=_place(owner),
            given=given,
            query=given.get(QUERY, ""),
            exported={**_place(owner), **{name: text for name, text in given.items() if name in CHOOSING}},
            fields=form_of(given),
            found=found,
            first=not cursor,
            may_export="memory:export" in browser.reader.identity.scopes,
            done=await take_notice(request),
        )
        return forget_notice(request, shown)

    @get("/memory", opt={PARAMETERS: (*_OWNER, "id")})
    async def memory(
        self,
        request: AnyRequest,
        browser: Browsing,
        tenant: Text = "",
        user: Text = "",
        memory_id: Annotated[str, QueryParameter(name="id")] = "",
    ) -> Response[str]:
        """Show one memory, and where each provider has it."""
        owner = browser.reader.owner(tenant, user)
        view, answered, problem = await browser.memory(owner, memory_id)
        return page(
            request,
            "memory.html",
            problem=problem,
            owner=owner,
            place=_place(owner),
            memory_id=memory_id.lower(),
            view=view,
            answered_by=answered,
            may_forget="memory:delete" in browser.reader.identity.scopes,
        )

    @get("/export", opt={PARAMETERS: (*_OWNER, *CHOOSING)})
    async def export(self, request: AnyRequest, browser: Browsing, tenant: Text = "", user: Text = "") -> LineStream:
        """Export a user's memories that meet conditions, as the API does; the key also needs `memory:export`."""
        owner = browser.reader.owner(tenant, user, "memory:export")
        conditions = question_of(given_in(request.query_params)).conditions
        return await streamed(browser.export(owner, conditions), None, _as_file(owner))

    @get("/forget", opt={PARAMETERS: (*_OWNER, "id")})
    async def ask_forget(
        self,
        request: AnyRequest,
        browser: Browsing,
        tenant: Text = "",
        user: Text = "",
        memory_id: Annotated[str, QueryParameter(name="id")] = "",
    ) -> Response[str]:
        """Ask for confirmation before a memory is deleted for good."""
        owner = browser.reader.owner(tenant, user, "memory:delete")
        return await forget_page(request, browser, owner, memory_id)

    @post("/forget", status_code=200)
    async def forget(self, request: AnyRequest, browser: Browsing) -> Response[Any]:
        """Delete a memory for good."""
        return await forget_memory(request, browser)


def _place(owner: Owner) -> Mapping[str, str]:
    return {"tenant": owner.tenant, "user": owner.user}


def _as_file(owner: Owner) -> dict[str, str]:
    """Return the headers by which a browser saves an answer as a file that is called after the owner (RFC 6266)."""
    name = quote(f"memories of {owner.label}.ndjson", safe="")
    return {**HEADERS, "Content-Disposition": f"attachment; filename=\"memories.ndjson\"; filename*=UTF-8''{name}"}
