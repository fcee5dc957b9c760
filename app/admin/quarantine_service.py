"""The quarantines for the operator: set, listed, lifted, and what is in them."""

from datetime import UTC, datetime
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from app.http.operator_schemas import (
    QuarantinedMemory,
    QuarantinedResponse,
    QuarantineRequest,
    QuarantinesResponse,
)
from app.http.problems import QUARANTINE_NOT_FOUND, QUARANTINE_NOT_SAVED, RequestError
from app.quarantine.keeping import Change, QuarantineKeeper
from app.quarantine.quarantine_file import QuarantineFileFault
from observability.notes import current
from providers.base import MemoryProvider
from providers.chain.chain import Chain
from providers.chain.owners import owners_page
from providers.errors import InvalidInput
from providers.limits import MAX_PAGE_LIMIT, check_caller, check_moment, check_owner, check_tenant, check_user_id
from providers.owners import DEFAULT_TENANT, Owner
from providers.provenance.quarantines import MAX_QUARANTINES, Quarantine, Quarantines
from providers.types import PageQuery

OWNERS_AT_ONCE = 20  # whose lists one request looks through


class QuarantineService(Struct, frozen=True):
    """Serve the requests of `operator`, the id of a key, about quarantines."""

    keeper: QuarantineKeeper
    chain: Chain
    provider: MemoryProvider
    operator: str

    def describe(self) -> QuarantinesResponse:
        """Describe the quarantines of this process."""
        found = self.keeper.current.all
        return QuarantinesResponse(found, len(found))

    async def add(self, wanted: QuarantineRequest) -> Quarantine:
        """Put a quarantine in force.

        Raises:
            InvalidInput: it names no writer, several, or one that cannot be; or too many are in force.
            RequestError: it cannot be saved; nothing has changed.
        """
        _check(wanted)
        if wanted.user is not None and (notes := current.get()) is not None:
            notes.asks_for(wanted.tenant or DEFAULT_TENANT, wanted.user)
        quarantine = Quarantine(
            id=uuid4().hex[:12],
            key=wanted.key,
            caller=wanted.caller,
            since=wanted.since.astimezone(UTC),
            until=None if wanted.until is None else wanted.until.astimezone(UTC),
            user=wanted.user,
            tenant=wanted.tenant,
            reason=wanted.reason.strip(),
            set_by=self.operator,
            set_at=datetime.now(UTC),
        )

        def added(known: Quarantines) -> Quarantines:
            if len(known.active) >= MAX_QUARANTINES:
                raise InvalidInput("key", f"must wait: {MAX_QUARANTINES} quarantines are in force; lift one first")
            return known.with_(quarantine)

        await self._change(added)
        return quarantine

    async def lift(self, quarantine_id: str) -> Quarantine:
        """Lift a quarantine; everything that it alone has hidden is shown again, as it was.

        Raises:
            RequestError: there is none of this id; or it cannot be saved, and nothing has changed.
        """
        self._find(quarantine_id)
        now = datetime.now(UTC)
        await self._change(lambda known: known.merged(self.keeper.current).lifted(quarantine_id, self.operator, now))
        return self._find(quarantine_id)

    async def memories(self, quarantine_id: str, after: str | None) -> QuarantinedResponse:
        """Return what is in a quarantine, of some users at a time, as one provider lists it.

        Raises:
            RequestError: there is none of this id.
            InvalidInput: `after` cannot be a user.
            Unavailable: no provider that has received everything answers.
        """
        quarantine = self._find(quarantine_id)
        owners, ended = await self._owners(quarantine, after)
        memories: list[QuarantinedMemory] = []
        for owner in owners:
            memories += await self._of(quarantine, owner)
        return QuarantinedResponse(memories, len(memories), None if ended else owners[-1].key)

    async def _owners(self, quarantine: Quarantine, after: str | None) -> tuple[list[Owner], bool]:
        if quarantine.user is not None:
            return [Owner(quarantine.user, quarantine.tenant or DEFAULT_TENANT)], True
        page = await owners_page(self.chain.route, OWNERS_AT_ONCE, None if after is None else _owner(after))
        return [one.owner for one in page.owners], page.ended

    async def _of(self, quarantine: Quarantine, owner: Owner) -> list[QuarantinedMemory]:
        query = PageQuery(
            owner=owner,
            limit=MAX_PAGE_LIMIT,
            quarantined=True,
            source_key=quarantine.key,
            source_caller=quarantine.caller,
        )
        found: list[QuarantinedMemory] = []
        while True:
            page = await self.provider.page(query)
            found += [
                QuarantinedMemory(memory.id, owner.user, memory.source, owner.tenant)
                for memory in page.memories
                if quarantine.written.admits(memory.source)
            ]
            if len(page.memories) < MAX_PAGE_LIMIT and not page.cut:
                return found
            query = replace(query, after=page.memories[-1].position, provider=page.provider)

    def _find(self, quarantine_id: str) -> Quarantine:
        for one in self.keeper.current.all:
            if one.id == quarantine_id:
                return one
        raise RequestError(QUARANTINE_NOT_FOUND, f"No quarantine has the id {quarantine_id[:40]!r}")

    async def _change(self, change: Change) -> None:
        try:
            await self.keeper.change(change)
        except QuarantineFileFault as fault:
            raise RequestError(QUARANTINE_NOT_SAVED, str(fault)) from fault


def _check(wanted: QuarantineRequest) -> None:
    if (wanted.key is None) == (wanted.caller is None):
        raise InvalidInput("key", "or a caller is required, and not both")
    check_caller("key", wanted.key)
    check_caller("caller", wanted.caller)
    check_moment("since", wanted.since)
    check_moment("until", wanted.until)
    if wanted.until is not None and wanted.until <= wanted.since:
        raise InvalidInput("until", "must be after since")
    if wanted.user is not None:
        try:
            check_user_id(wanted.user)
        except InvalidInput as error:
            raise InvalidInput("user", error.reason) from None
    if wanted.tenant is not None:
        check_tenant(wanted.tenant)
        if wanted.user is None:
            raise InvalidInput("tenant", "is that of a user, who is not named")


def _owner(key: str) -> Owner:
    owner = Owner.of_key(key)
    try:
        check_owner(owner)
    except InvalidInput as error:
        raise InvalidInput("after", error.reason) from None
    return owner
