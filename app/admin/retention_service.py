"""The rules of retention for their operator: what they would erase."""

from datetime import UTC, datetime

from msgspec import Struct

from app.admin.users_service import owner_of
from app.settings.retention import RetentionSettings
from providers.chain.chain import Chain
from providers.chain.comparing.store import ComparedStore
from providers.chain.expiring.planning import RetentionPlan, plan_rules
from providers.chain.route import NobodyInSync


class RetentionService(Struct, frozen=True):
    """Serve requests about the rules of retention of a chain."""

    chain: Chain
    settings: RetentionSettings

    async def plan(self, after: str | None) -> RetentionPlan:
        """Return what the rules would erase of the users behind one, for some seconds.

        Raises:
            InvalidInput: `after` cannot be a user.
            Unavailable: home does not answer.
        """
        home = self.chain.route.home
        if home is None:
            raise NobodyInSync("no provider has received everything")
        moment = datetime.now(UTC)
        owner = None if after is None else owner_of(after)
        rules, last = await plan_rules(ComparedStore(home), self.settings.rules, moment, owner)
        return RetentionPlan(
            moment=moment, apply=self.settings.apply, rules=rules, next_after=None if last is None else last.key
        )
