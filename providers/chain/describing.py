"""The description of a chain: the status of every provider, and the route that an operation would take."""

import asyncio

from msgspec.structs import replace

from providers.chain.breaker_state import BreakerState
from providers.chain.chain import Chain
from providers.chain.chained import ChainedProvider
from providers.chain.execution import JOURNAL
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.chain.status import ChainStatus, Choice, Explanation, ProviderStatus, Role
from providers.journal.base import JournalUnavailable
from providers.journal.operations import Backlog, JournalStatus, Member

STATUS_SECONDS = 2.0  # for the call to the journal

_HEDGED = (OperationClass.READ, OperationClass.RECALL)


async def describe(chain: Chain) -> ChainStatus:
    """Return the state of a chain as this process sees it."""
    journal: JournalStatus | None = None
    error: str | None = None
    members: dict[str, Member] = {}
    if chain.journal is not None:
        try:
            async with asyncio.timeout(STATUS_SECONDS):
                journal = await chain.journal.status()
                members = {member.name: member for member in await chain.journal.members()}
        except JournalUnavailable as failure:
            error = failure.reason
        except TimeoutError:
            error = f"the journal did not answer within {STATUS_SECONDS:g} s"
    route = chain.route
    backlogs = {backlog.provider: backlog for backlog in journal.backlogs} if journal is not None else {}
    return ChainStatus(
        order=tuple(link.name for link in route.links),
        home=None if route.home is None else route.home.name,
        providers=tuple(
            _provider(chain, link, backlogs.get(link.name), members.get(link.name)) for link in route.links
        ),
        journal=journal,
        journal_error=error,
    )


def explain(chain: Chain, operation: OperationClass) -> Explanation:
    """Return which providers an operation would call now, and why."""
    route = chain.route
    choices: list[Choice] = []
    found = False
    for link in route.links:
        why, asked = _why(link, route, operation, found=found)
        if asked and _is_asked_second(chain, link, operation):
            why, asked = "most of its answers were slow, so that the next one is asked before it", False
        found = found or asked
        choices.append(Choice(provider=link.name, asked=asked, why=why))
    if operation.writes and chain.journal is not None:
        choices.insert(0, Choice(provider=JOURNAL, asked=True, why="every write is made durable here first"))
    return Explanation(operation=operation.value, choices=tuple(choices))


def _why(link: Link, route: Route, operation: OperationClass, *, found: bool) -> tuple[str, bool]:
    breaker = link.attempts.guards.breaker.snapshot()
    if link not in route.readers:
        return "it has not received everything yet, so it gets writes in the background alone", False
    if operation.writes and link is not route.home:
        return "a standby: it gets writes in the background", False
    if breaker.state in {BreakerState.OPEN, BreakerState.FORCED_OPEN}:
        return f"its circuit breaker is {breaker.state.value}: {breaker.why}", False
    if found:
        return "only if those before it do not answer", False
    if route.is_restored:
        return "its store was put back to an earlier state, and nobody else has received everything", True
    return "home" if link is route.home else "the first that may answer now", True


def _is_asked_second(chain: Chain, link: Link, operation: OperationClass) -> bool:
    """Return whether reads ask another provider before this one, which would be the first."""
    readers = chain.route.readers
    if operation.writes or not readers or link is not readers[0]:
        return False
    return chain.hedging.ordered(readers, operation)[0] is not link


def _role(link: Link, route: Route) -> Role:
    if link.name not in route.in_sync:
        return Role.RESTORED if link.name in route.restored else Role.FILLING
    return Role.HOME if link is route.home else Role.STANDBY


def _provider(chain: Chain, link: Link, backlog: Backlog | None, member: Member | None) -> ProviderStatus:
    guards = link.attempts.guards
    membership, provider = chain.membership, chain.provider
    return ProviderStatus(
        name=link.name,
        role=_role(link, chain.route),
        breaker=replace(guards.breaker.snapshot(), open_shards=guards.shards.open),
        in_flight=guards.bulkhead.in_flight,
        places=guards.bulkhead.limit,
        retries_left=guards.budget.left(),
        background_tries=provider.tries.count(link.name) if isinstance(provider, ChainedProvider) else 0,
        pending=backlog.pending if backlog is not None else 0,
        dead=backlog.dead if backlog is not None else 0,
        oldest_pending_seconds=backlog.oldest_seconds if backlog is not None else 0.0,
        progress=membership.filling.progress.get(link.name) if membership is not None else None,
        reason=membership.reasons.get(link.name) if membership is not None else None,
        refused=membership is not None and link.name in membership.registrar.refusals,
        unreached=membership is not None and link.name in membership.unreached,
        epoch=None if member is None else member.epoch,
        mark=None if member is None else member.noted,
        behind_seconds=None if member is None or not member.restored else member.behind,
        differences=chain.patrol.left_at(link.name) if chain.patrol is not None else {},
        patience={operation.value: link.patience(operation) for operation in _HEDGED},
        embedding=link.provider.embedding_progress,
        asked_second=any(_is_asked_second(chain, link, operation) for operation in _HEDGED),
    )
