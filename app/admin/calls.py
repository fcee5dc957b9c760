"""What a handler of the admin API is given of its request."""

from typing import Any

from litestar import Request

from app.admin.chain_desk import ChainDesk
from app.admin.journal_desk import JournalDesk
from app.admin.order_desk import OrderDesk


async def provide_chain_desk(request: Request[Any, Any, Any]) -> ChainDesk:
    """Gather what is needed to look after the chain."""
    return ChainDesk(request.app.state.chain, request.state.operator)


async def provide_journal_desk(request: Request[Any, Any, Any]) -> JournalDesk:
    """Gather what is needed to look after the journal."""
    return JournalDesk(request.app.state.chain.journal, request.state.operator)


async def provide_order_desk(request: Request[Any, Any, Any]) -> OrderDesk:
    """Gather what is needed to see and set the order."""
    state = request.app.state
    return OrderDesk(state.chain, state.reloader, request.state.operator)
