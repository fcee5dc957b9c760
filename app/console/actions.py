"""An operator's actions on the console: each one first as a page that asks for confirmation, then done."""

from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct

from app.admin.chain_service import ChainService
from app.admin.order_service import OrderService
from app.console import consequences
from app.console.console import Console
from app.console.forms import filled_in
from app.console.overview import kind_of
from app.console.pages import AnyRequest, page, redirect_back
from app.console.wording import STATES, WISHES, BreakerWish
from app.http.operator_schemas import MAX_REASON_CHARS, BreakerChange
from app.http.problems import Problem, RequestError, problem_of
from providers.chain.chain import Chain
from providers.errors import InvalidInput

MAX_ORDER_CHARS = 4_000  # the page has a sentence for each name in it


class OrderForm(Struct, frozen=True, forbid_unknown_fields=True):
    """Hold the names of providers, home first, separated by commas."""

    order: Annotated[str, Meta(max_length=MAX_ORDER_CHARS)]


class BreakerForm(BreakerChange, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hold a change of the breaker of a provider."""

    provider: str


async def order_page(
    request: AnyRequest, chain: ChainService, service: OrderService, text: str | None, problem: Problem | None = None
) -> Response[str]:
    """Ask for an order, and describe what the order in the request would change."""
    status = await chain.status()
    order = None if text is None else _names(text)
    settings = request.app.state.settings
    known = [(name, kind_of(name, settings)) for name in settings.providers]
    return page(
        request,
        "order.html",
        problem=problem,
        order=order,
        text=",".join(order or status.order),
        answer=service.describe(),
        consequences=consequences.of_order(order, status) if order else [],
        known=known,
    )


async def set_order(request: AnyRequest, chain: ChainService, service: OrderService) -> Response[Any]:
    """Put an order in force, or show why not."""
    form = filled_in(request.state.form, OrderForm)
    try:
        answer = await service.put(_names(form.order))
    except (RequestError, InvalidInput) as error:
        return await order_page(request, chain, service, form.order, problem_of(error))
    return await redirect_back(request, f"The order is {', '.join(answer.order)} now.")


async def breaker_page(
    request: AnyRequest, service: ChainService, provider: str, wish: BreakerWish, problem: Problem | None = None
) -> Response[str]:
    """Describe what forcing or releasing a breaker would change.

    Raises:
        RequestError: the provider is not in the order.
    """
    chain: Chain = request.app.state.chain
    console: Console = request.app.state.console
    status = await service.provider(provider)
    sentences = consequences.of_breaker(status, wish, journalled=chain.journal is not None, workers=console.workers)
    return page(
        request,
        "breaker.html",
        problem=problem,
        provider=status,
        wish=wish,
        consequences=sentences,
        reason=request.state.get("form", {}).get("reason", ""),
        longest=MAX_REASON_CHARS,
    )


async def set_breaker(request: AnyRequest, service: ChainService) -> Response[Any]:
    """Force or release a breaker, or show why not."""
    fields = request.state.form
    try:
        form = filled_in(fields, BreakerForm)
    except InvalidInput as error:
        if fields.get("state") in WISHES and "provider" in fields:
            return await breaker_page(request, service, fields["provider"], fields["state"], problem_of(error))
        raise
    snapshot = service.set_breaker(form.provider, form)
    console: Console = request.app.state.console
    done = f"The breaker of {form.provider} is {STATES[snapshot.state]} now, in process {console.process}"
    return await redirect_back(request, f"{done}: {snapshot.why}.")


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]
