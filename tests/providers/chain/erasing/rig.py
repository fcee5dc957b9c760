"""A scene with an eraser, as one process has it."""

from msgspec import Struct

from providers.base import MemoryProvider
from providers.chain.erasing.eraser import Eraser
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.policy import ChainPolicy, ErasurePolicy, RetentionPolicy
from providers.chain.route import Route
from providers.erasure.fences import FenceList
from providers.erasure.receipts import Erasure
from providers.journal.base import Journal
from providers.memory.provider import MockMemoryProvider
from tests.providers.chain.scene import Scene
from tests.support.frail import FrailProvider

SETTLE_SECONDS = 60.0


class Counts(ChainObserver):
    """Counts what was removed, and what is left to be done."""

    def __init__(self) -> None:
        self.removed: dict[str, int] = {}
        self.pending: list[int] = []

    def purged(self, provider: str, count: int) -> None:
        """Note it."""
        self.removed[provider] = self.removed.get(provider, 0) + count

    def erasing(self, count: int, oldest_seconds: float) -> None:  # noqa: ARG002 - the shape of an observer
        """Note it."""
        self.pending.append(count)


def keep_no_list(store: FrailProvider) -> None:
    """Make a store one that keeps no list of fences, as mem0 does."""

    async def kept_nowhere(_provider: MockMemoryProvider, _fences: object) -> None:
        """Take fences, and forget them."""

    store.instead["put_fences"] = kept_nowhere
    store.__class__ = type("Listless", (FrailProvider,), {"keeps_fences": False})


class Erased(Struct):
    """A chain as an eraser sees it."""

    scene: Scene
    observer: ChainObserver
    holder: str = "one"
    policy: ChainPolicy = ChainPolicy(retention=RetentionPolicy(keep=SETTLE_SECONDS))

    @property
    def journal(self) -> Journal | None:
        """The journal of the scene."""
        return self.scene.journal

    @property
    def route(self) -> Route:
        """The route of the scene."""
        return self.scene.chained.route

    @property
    def provider(self) -> MemoryProvider:
        """The chain."""
        return self.scene.chained

    async def records(self, *, create: bool = True) -> Journal | None:  # noqa: ARG002 - a journal is there
        """Return the journal."""
        return self.scene.journal


def eraser(scene: Scene, observer: ChainObserver | None = None, holder: str = "one") -> Eraser:
    """Return the eraser of a process that all links of the scene follow."""
    fences = FenceList()
    for link in scene.links.values():
        link.fences = fences
    chain = Erased(scene, observer or Unobserved(), holder)
    return Eraser(chain, scene.versions, ErasurePolicy(), fences, now=scene.clock)


async def step(one: Eraser) -> None:
    """Do what a process does from time to time."""
    await one.follow()
    await one.work()


async def told(scene: Scene, erasure: Erasure) -> Erasure:
    """Return the receipt as it is now."""
    found = await scene.journal.erasure(erasure.id)
    assert found is not None
    return found
