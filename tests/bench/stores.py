"""What knowing the stores costs: remember with looks, marks and the patrol, and without, in turns within one run."""

import asyncio
import statistics
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic, time

import uvloop

from providers import background
from providers.chain.chain import Chain
from providers.chain.comparing.patrol import Patrol
from providers.chain.observer import Unobserved
from providers.chain.opening import ProviderSpec
from providers.chain.policy import PatrolPolicy
from providers.journal.sqlite.opening import open_journal
from providers.native.embedded import EmbeddedServer
from providers.replica import Replica
from providers.states.clock import HybridClock
from tests.bench.load import Measured, Work, run_load, table
from tests.support.chain_rig import ChainRig
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.patience import PATIENT
from tests.support.postgres import reachable_folder

CLIENTS = 16
ROUNDS = 8
SECONDS = 4.0
FILL_SECONDS = 6.0
_SHARE = 0.97  # of the throughput without
_BUSY = PatrolPolicy(every=1.0)  # a round follows upon the other, where the default rests for ten minutes


def main() -> None:
    """Measure everything."""
    uvloop.run(_measure())


async def _measure() -> None:
    with (
        reachable_folder() as folder,
        EmbeddedServer(folder / "a").running() as first,
        EmbeddedServer(folder / "b").running() as second,
    ):
        async with open_journal(folder / "stores.sqlite3", time) as journal:
            # Its own patrol goes round once at the start, over empty stores, and then rests for ten minutes.
            chain = ChainRig(journal, monotonic, HybridClock()).chain(Unobserved(), always=True)
            try:
                await chain.switch([_part("home", first.dsn), _part("standby", second.dsn)])
                await asyncio.sleep(FILL_SECONDS)
                await _compare(chain)
            finally:
                await chain.close()


async def _compare(chain: Chain) -> None:
    works = [_writer(chain, client) for client in range(CLIENTS)]
    await run_load(works, SECONDS)
    ratios, plain, known = list[float](), list[Measured](), list[Measured]()
    for _ in range(ROUNDS):
        async with _unwatched(chain):
            plain.append(await run_load(works, SECONDS))
        async with _patrolled(chain):
            known.append(await run_load(works, SECONDS))
        ratios.append(known[-1].rate / plain[-1].rate)
    rows = [
        (name, f"{_median(one.rate for one in runs):.0f}", f"{_median(one.p50 for one in runs):.2f}")
        for name, runs in (("without", plain), ("looks, marks and patrol", known))
    ]
    print(f"\nremember, {CLIENTS} clients, two stores:")
    table(iter([("way", "per second", "p50 ms"), *rows]))
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), wanted at least {_SHARE}")


def _median(values: Iterable[float]) -> float:
    return statistics.median(list(values))


@asynccontextmanager
async def _unwatched(chain: Chain) -> AsyncIterator[None]:
    """Have no store looked at."""
    if chain.membership is None:
        raise RuntimeError("the chain has no journal")
    watch = chain.membership.watch
    await asyncio.gather(*watch.tasks)
    for link in chain.links():
        watch._due[link.name] = float("inf")  # noqa: SLF001 - nobody else wants a store not to be looked at
    try:
        yield
    finally:
        for link in chain.links():
            watch.doubt(link.name)


@asynccontextmanager
async def _patrolled(chain: Chain) -> AsyncIterator[None]:
    """Have the stores compared all the time."""
    if chain.journal is None:
        raise RuntimeError("the chain has no journal")
    patrol = Patrol(chain.holder, chain.journal, lambda: chain.route, _BUSY)
    async with background.running(background.start(patrol.run, "patrol")):
        yield


def _writer(chain: Chain, client: int) -> Work:
    async def write() -> None:
        await chain.provider.remember(f"writer-{client}", "tea is drunk in the morning and coffee at noon")

    return write


def _part(name: str, dsn: str) -> ProviderSpec:
    def opened() -> AbstractAsyncContextManager[Replica]:
        return open_native_provider(dsn, HashingEmbedder())

    return ProviderSpec(name=name, settings=name, opened=opened, attempts=PATIENT)


if __name__ == "__main__":
    main()
