"""The pages of the console, and the actions on them."""

from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from app.admin.calls import (
    provide_chain_service,
    provide_journal_service,
    provide_order_service,
    provide_usage_service,
)
from app.auth.routes import SCOPE
from app.console.actions import MAX_ORDER_CHARS, breaker_page, order_page, set_breaker, set_order
from app.console.admission import admit_operator
from app.console.configuration_view import grouped, limits_view, settings_view
from app.console.console import Console
from app.console.overview import OperatorServices, overview
from app.console.pages import (
    HANDLERS,
    PATH,
    AnyRequest,
    delete_session,
    forget_notice,
    page,
    redirect_home,
    take_notice,
)
from app.console.usage_view import PAGE, usage_rows
from app.http.parameters import PARAMETERS
from providers.replica_limits import MAX_KEY_CHARS

Services = NamedDependency[OperatorServices]


async def provide_services(request: AnyRequest) -> OperatorServices:
    """Gather the services that the console uses."""
    return OperatorServices(
        await provide_chain_service(request),
        await provide_journal_service(request),
        await provide_order_service(request),
    )


class ConsoleController(Controller):
    """For operators with a browser; the admin API does the same for programs."""

    path = PATH
    include_in_schema = False
    opt = {SCOPE: "admin:read"}  # noqa: RUF012 - read by the framework, never changed
    before_request = staticmethod(admit_operator)
    exception_handlers = HANDLERS
    dependencies = {"services": Provide(provide_services)}  # noqa: RUF012 - read by the framework, never changed

    @get("/")
    async def overview(self, request: AnyRequest, services: Services) -> Response[str]:
        """Show the state of the service, and the result of the last action."""
        state = request.app.state
        view = await overview(
            services, state.settings, state.console, state.mode_follower.current, state.quarantines.current
        )
        return forget_notice(request, page(request, "overview.html", view=view, done=await take_notice(request)))

    @post("/logout", status_code=200)
    async def logout(self, request: AnyRequest) -> Response[None]:
        """End the session of this browser, and whatever else has its cookie."""
        console: Console = request.app.state.console
        await (await console.sessions()).end(request.state.session.cookie)
        return delete_session(request)

    @get("/logout")
    async def end_nothing(self, request: AnyRequest) -> Response[None]:
        """Redirect to the first page: a link ends no session."""
        return redirect_home(request)

    @get("/configuration", opt={PARAMETERS: ("show",)})
    async def configuration(
        self,
        request: AnyRequest,
        services: Services,
        show: Annotated[Literal["all", "changed"], QueryParameter()] = "all",
    ) -> Response[str]:
        """Show the settings in force: every one, or those that were changed."""
        reloader = services.order.reloader
        rows = settings_view(request.app.state.settings, reloader)
        return page(
            request,
            "configuration.html",
            limits=limits_view(request.app.state.settings, reloader, request.app.state.chain.links()),
            groups=grouped(rows, changed=show == "changed"),
            changed=show == "changed",
            total=len(rows),
            reload=reloader,
        )

    @get("/usage", opt={PARAMETERS: ("by", "after")})
    async def usage(
        self,
        request: AnyRequest,
        by: Annotated[Literal["user", "key", "tenant"], QueryParameter()] = "user",
        after: Annotated[str | None, QueryParameter(max_length=MAX_KEY_CHARS)] = None,
    ) -> Response[str]:
        """Show what keys, users or tenants have asked, hold and may hold."""
        found = await (await provide_usage_service(request)).page(by, PAGE, after)
        return page(request, "usage.html", usage=found, rows=usage_rows(found), after=after)

    @get("/order", opt={PARAMETERS: ("order",)})
    async def ask_order(
        self,
        request: AnyRequest,
        services: Services,
        order: Annotated[str | None, QueryParameter(max_length=MAX_ORDER_CHARS)] = None,
    ) -> Response[str]:
        """Ask for another order, or for confirmation of this one."""
        return await order_page(request, services.chain, services.order, order)

    @post("/order", status_code=200, opt={SCOPE: "admin:write"})
    async def order(self, request: AnyRequest, services: Services) -> Response[Any]:
        """Put another order in force."""
        return await set_order(request, services.chain, services.order)

    @get("/breaker", opt={PARAMETERS: ("provider", "state")})
    async def ask_breaker(
        self,
        request: AnyRequest,
        services: Services,
        provider: Annotated[str, QueryParameter()],
        wish: Annotated[Literal["open", "closed", "auto"], QueryParameter(name="state")],
    ) -> Response[str]:
        """Ask for confirmation before a breaker is forced or released."""
        return await breaker_page(request, services.chain, provider, wish)

    @post("/breaker", status_code=200, opt={SCOPE: "admin:write"})
    async def breaker(self, request: AnyRequest, services: Services) -> Response[Any]:
        """Force a breaker, or release it."""
        return await set_breaker(request, services.chain)
