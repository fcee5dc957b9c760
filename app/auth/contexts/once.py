"""What may be used once: a signature's nonce, claimed in the journal, which all replicas share."""

from typing import Any
from uuid import uuid4

from litestar.connection import ASGIConnection

from app.auth.caller import Identity
from app.auth.refusals import CallerRefused
from app.http.problems import UNAVAILABLE, RequestError
from providers.chain.chain import Chain


async def use_once(connection: ASGIConnection[Any, Any, Any, Any], identity: Identity) -> None:
    """Use up what a caller has shown, if that counts once.

    Raises:
        CallerRefused: it was used before.
        RequestError: there is no journal that could tell.
        JournalUnavailable: the journal does not answer.
    """
    once = identity.once
    if once is None:
        return
    chain: Chain = connection.app.state.chain
    if chain.journal is None:
        raise RequestError(UNAVAILABLE, "There is no journal, in which a signature could be noted as used")
    # Nobody else has this name, and so nobody else gets the claim while it lasts.
    if not await chain.journal.claim(once.name, str(uuid4()), once.seconds):
        detail = "This signature was used before: sign each request anew, also a repetition"
        raise CallerRefused("replayed", detail, caller=identity.id)
