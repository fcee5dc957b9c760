"""Erasures as callers ask for them: begun, waited for, shown."""

from collections.abc import Callable
from typing import Any

import structlog
from litestar import Request
from msgspec import Struct

from app.auth.caller import Identity
from app.auth.refusals import counted
from app.erasure.schemas import ErasureResponse as Receipt
from app.erasure.schemas import ErasuresResponse, receipt_of
from app.http.problems import ERASURE_NOT_FOUND, STATUS_ACCEPTED, RequestError
from observability.metrics import Metrics
from providers.chain.erasing.eraser import Eraser
from providers.erasure.fences import hash_of
from providers.erasure.receipts import Erasure
from providers.limits import check_user_id
from providers.owners import Owner
from providers.wrapper import OperationName

WAIT_SECONDS = 5.0  # for an erasure that takes no longer; of most users it takes less than one

_log = structlog.get_logger(__name__)


def status_of(receipt: Receipt) -> int:
    """Return the status of an answer with a receipt: 202 as long as something is to be done."""
    return STATUS_ACCEPTED if receipt.status == "pending" else 200


class ErasureService(Struct, frozen=True):
    """Serve requests for erasures; `permit` raises what keeps a caller from writing now."""

    eraser: Eraser
    permit: Callable[[], None]

    async def erase(self, owner: Owner) -> Receipt:
        """Erase an owner, and return the receipt once it is erased, or as it is after some seconds.

        Raises:
            Unavailable: the erasure cannot be written down.
        """
        self.permit()
        return receipt_of(await self.eraser.finished(await self.eraser.request(owner), WAIT_SECONDS))

    async def receipt(self, erasure_id: str, owner: Owner | None = None) -> Receipt:
        """Return a receipt, with an `owner` only one of that owner.

        Raises:
            RequestError: there is none.
        """
        found = await self.eraser.receipt(erasure_id)
        if found is None or (owner is not None and not self._is_of(found, owner)):
            raise RequestError(ERASURE_NOT_FOUND, "There is no erasure of this id")
        return receipt_of(found)

    async def receipts(self, limit: int) -> ErasuresResponse:
        """Return the newest receipts."""
        found = [receipt_of(one) for one in await self.eraser.receipts(limit)]
        return ErasuresResponse(found, len(found))

    def _is_of(self, erasure: Erasure, owner: Owner) -> bool:
        keys = {fence.key for fence in self.eraser.fences.all()}
        return erasure.owner == owner.key or erasure.hash in {hash_of(key, owner.key) for key in keys}


class OperatorsErasures(Struct, frozen=True):
    """Serve the requests of an operator, for users that its key speaks for."""

    erasures: ErasureService
    identity: Identity
    metrics: Metrics

    async def erase(self, user_id: str) -> Receipt:
        """Erase a user.

        Raises:
            CallerRefused: the key does not speak for the user.
            InvalidInput: there can be no such user.
            Unavailable: the erasure cannot be written down.
        """
        check_user_id(user_id)
        with counted(self.metrics):
            owner = self.identity.caller_for(user_id).owner
        receipt = await self.erasures.erase(owner)
        _log.warning("user_erasure_requested", erasure=receipt.erasure_id, operator=self.identity.id)
        return receipt


async def provide_erasures(request: Request[Any, Any, Any]) -> ErasureService:
    """Gather what is needed to erase users."""
    state = request.app.state

    def permit() -> None:
        state.mode_follower.permit(OperationName.DELETE_ALL)
        state.rate_limiter.permit(OperationName.DELETE_ALL, 1)

    return ErasureService(state.chain.erasing.eraser, permit)


async def provide_operators_erasures(request: Request[Any, Any, Any]) -> OperatorsErasures:
    """Gather what an operator needs to erase users."""
    erasures = await provide_erasures(request)
    return OperatorsErasures(erasures, request.state.identity, request.app.state.metrics)
