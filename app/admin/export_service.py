"""The export of a user's memories for an operator, who needs more than the scope of operators for it."""

from msgspec import Struct

from app.auth.caller import Identity
from app.auth.refusals import counted
from app.http.admission import price
from app.http.cursors import Cursors
from app.http.schemas import ConditionsRequest
from app.portable.exporting import Export
from observability.metrics import Metrics
from providers.base import MemoryProvider
from providers.chain.chain import Chain
from providers.limits import check_user_id


class ExportService(Struct, frozen=True):
    """Serve the requests of an operator for memories of users."""

    provider: MemoryProvider
    chain: Chain
    cursors: Cursors
    identity: Identity
    metrics: Metrics

    def export(self, user_id: str, conditions: ConditionsRequest) -> Export:
        """Return the export of the user's memories that meet conditions.

        Raises:
            CallerRefused: the key lacks `memory:export`, or does not speak for the user.
            InvalidInput: there can be no such user.
            RequestError: the conditions cost too much.
        """
        check_user_id(user_id)
        price.of_conditions(conditions)
        with counted(self.metrics):
            self.identity.require("memory:export")
            owner = self.identity.caller_for(user_id).owner
        return Export(self.provider, lambda: self.chain.route, owner, self.cursors, conditions.conditions)
