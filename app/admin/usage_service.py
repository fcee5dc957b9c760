"""Usage for the operator: what keys, users and tenants have asked, what they hold, and what they may hold."""

from msgspec import UNSET, Struct

from app.admin.users_service import owner_of
from app.http.usage_schemas import UsageEntry, UsageResponse
from app.quotas.quotas import Quotas
from app.settings.quotas import NO_QUOTA, QuotaSettings
from app.usage.keeping import Covered, UsageKeeper
from app.usage.totals import By, RequestCount, SavedCounts
from providers.chain.chain import Chain
from providers.chain.holding import holdings_page
from providers.holdings import Holdings
from providers.limits import check_text
from providers.owners import DEFAULT_TENANT, Owner
from providers.replica_limits import MAX_KEY_CHARS


class UsageService(Struct, frozen=True):
    """Serve requests about usage."""

    chain: Chain
    usage: UsageKeeper
    quotas: Quotas

    async def page(self, by: By, limit: int, after: str | None) -> UsageResponse:
        """Return a page of users, tenants or keys, by name.

        Raises:
            InvalidInput: `after` cannot be a user, or is longer than any name.
            Unavailable: no provider that has received everything answers.
        """
        if by == "user":
            return await self._of_users(limit, None if after is None else owner_of(after))
        if after is not None:
            check_text("after", after, MAX_KEY_CHARS)
        return self._of_names(await self.usage.covered(by), by, limit, after or "")

    async def _of_users(self, limit: int, after: Owner | None) -> UsageResponse:
        page = await holdings_page(self.chain.route, limit, after)
        covered = await self.usage.covered("user", [one.owner for one in page.owners])
        entries = [self._of_user(covered.sums, one.owner, one.held) for one in page.owners]
        last = None if page.ended else page.owners[-1].owner.key
        return UsageResponse(
            by="user",
            entries=entries,
            count=len(entries),
            since=covered.sums.since,
            hosts=covered.hosts,
            others_unknown=covered.alone or UNSET,
            provider=page.provider,
            next_after=last,
        )

    def _of_names(self, covered: Covered, by: By, limit: int, after: str) -> UsageResponse:
        """Return a page of keys or tenants; whoever asks for tenants has them counted, if nobody else does."""
        totals, sums = covered.sums, None
        if by == "tenant":
            self.quotas.tenants.want()
            sums = self.quotas.tenants.sums
        names = totals.names(by, limit + 1, after)
        if sums is not None:
            names = sorted({*names, *(name for name in sums if name > after)})
        entries = [
            self._of_tenant(totals, name) if by == "tenant" else _entry(name, totals.of_name(by, name))
            for name in names[:limit]
        ]
        return UsageResponse(
            by=by,
            entries=entries,
            count=len(entries),
            since=totals.since,
            hosts=covered.hosts,
            others_unknown=covered.alone or UNSET,
            counted_at=UNSET if sums is None else self.quotas.tenants.counted_at or UNSET,
            next_after=entries[-1].name if len(names) > limit else None,
        )

    def _of_user(self, totals: SavedCounts, owner: Owner, held: Holdings) -> UsageEntry:
        count = totals.of_name("user", self.usage.counts.hashed(owner))
        return _entry(owner.user, count, held, self.quotas.settings.of_user(owner.label), owner.tenant)

    def _of_tenant(self, totals: SavedCounts, name: str) -> UsageEntry:
        held, quota = self.quotas.tenants.held(name), self.quotas.settings.of_tenant(name)
        return _entry(name, totals.of_name("tenant", name), held, quota)


def _entry(
    name: str,
    count: RequestCount,
    held: Holdings | None = None,
    quota: QuotaSettings = NO_QUOTA,
    tenant: str = DEFAULT_TENANT,
) -> UsageEntry:
    return UsageEntry(
        name=name,
        tenant=UNSET if tenant == DEFAULT_TENANT else tenant,
        requests=count.requests,
        refused=count.refused,
        memories_written=count.written,
        memories=UNSET if held is None else held.memories,
        bytes=UNSET if held is None else held.bytes,
        memories_quota=UNSET if quota.memories is None else quota.memories,
        bytes_quota=UNSET if quota.bytes is None else quota.bytes,
    )
