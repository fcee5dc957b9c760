"""The values that a handler of the admin API receives of its request."""

from typing import Any

from litestar import Request

from app.admin.chain_service import ChainService
from app.admin.export_service import ExportService
from app.admin.journal_service import JournalService
from app.admin.mode_service import ModeService
from app.admin.order_service import OrderService
from app.admin.quarantine_service import QuarantineService
from app.admin.retention_service import RetentionService
from app.admin.stores_service import StoresService
from app.admin.usage_service import UsageService
from app.admin.users_service import UsersService
from app.auth.admission import require_tenant


async def provide_chain_service(request: Request[Any, Any, Any]) -> ChainService:
    """Gather what is needed to operate the chain."""
    return ChainService(request.app.state.chain, request.state.operator)


async def provide_journal_service(request: Request[Any, Any, Any]) -> JournalService:
    """Gather what is needed to operate the journal."""
    return JournalService(request.app.state.chain.journal, request.state.operator)


async def provide_mode_service(request: Request[Any, Any, Any]) -> ModeService:
    """Gather what is needed to see and set the mode."""
    return ModeService(request.app.state.mode_follower, request.state.operator)


async def provide_quarantine_service(request: Request[Any, Any, Any]) -> QuarantineService:
    """Gather what is needed to set, list and lift quarantines."""
    state = request.app.state
    return QuarantineService(state.quarantines, state.chain, state.provider, request.state.operator)


async def provide_stores_service(request: Request[Any, Any, Any]) -> StoresService:
    """Gather what is needed to compare and merge the stores of the chain."""
    return StoresService(request.app.state.chain, request.state.operator)


async def provide_users_service(request: Request[Any, Any, Any]) -> UsersService:
    """Gather what is needed to list users."""
    return UsersService(request.app.state.chain)


async def provide_export_service(request: Request[Any, Any, Any]) -> ExportService:
    """Gather what is needed to export the memories of a user; raise `RequestError` if its tenant is not served."""
    state = request.app.state
    require_tenant(request.state.identity.tenant, state.settings.tenants)
    return ExportService(state.provider, state.chain, state.cursors, request.state.identity, state.metrics)


async def provide_order_service(request: Request[Any, Any, Any]) -> OrderService:
    """Make the order service of the request's operator."""
    state = request.app.state
    return OrderService(state.chain, state.reloader, request.state.operator)


async def provide_retention_service(request: Request[Any, Any, Any]) -> RetentionService:
    """Gather what is needed to plan what rules of retention erase."""
    return RetentionService(request.app.state.chain, request.app.state.settings.retention)


async def provide_usage_service(request: Request[Any, Any, Any]) -> UsageService:
    """Gather what is needed to show usage."""
    state = request.app.state
    return UsageService(state.chain, state.usage, state.quotas)
