"""What happens in one simulated run: who acts, fails, is slow, stands still or crashes, and when."""

from enum import StrEnum

from msgspec import Struct

from tests.simulation.upsets import Upset, UpsetKind


class Act(StrEnum):
    """What a client does."""

    REMEMBER = "remember"
    UPDATE = "update"
    DELETE = "delete"
    GET = "get"
    LIST = "list"
    RECALL = "recall"
    NOTE = "note"  # remember without a key
    BATCH = "batch"  # remember many, with keys
    TAG = "tag"  # update the metadata alone
    PAGES = "pages"  # list page by page
    ASK = "ask"  # recall many
    CLEAR = "clear"  # delete all
    LAPSE = "lapse"  # remember what expires
    PUT = "put"  # under a key of the caller's choice
    GET_KEY = "get_key"
    DELETE_KEY = "delete_key"


class Mode(StrEnum):
    """How a provider fails."""

    REFUSED = "refused"
    THROTTLED = "throttled"
    MISCONFIGURED = "misconfigured"
    APPLIED_THEN_ERROR = "applied_then_error"
    APPLIED_LATER = "applied_later"
    SLOW = "slow"
    HANGING = "hanging"


class Step(Struct, frozen=True):
    """One act of a client on a memory, `wait` seconds after its last one, at a replica.

    `retries` is how often it tries again, with the same key, when it gets no answer; `clash` sends other content under
    a key that is used already, and `again` repeats a deletion that was answered, with its key. What
    is remembered `slides` in its expiry, which is far away.
    """

    client: int
    wait: float
    act: Act
    memory: int
    replica: int
    retries: int
    clash: bool = False
    patience: float | None = None
    session: bool = False
    again: bool = False
    slides: bool = False


class Fault(Struct, frozen=True):
    """A provider, or the journal, fails with some probability from a moment on, for some seconds."""

    where: str
    at: float
    seconds: float
    mode: Mode
    share: float


class Slowness(Struct, frozen=True):
    """A provider, or the journal, takes `factor` times as long as usual from a moment on, for some seconds."""

    where: str
    at: float
    seconds: float
    factor: float


class Stall(Struct, frozen=True):
    """All processes stand still for some seconds: what becomes due meanwhile is found at once afterwards."""

    at: float
    seconds: float


class Crash(Struct, frozen=True):
    """A replica ends without a word at a moment, and a new one takes its place after some seconds."""

    replica: int
    at: float
    seconds: float


class Switch(Struct, frozen=True):
    """The order of providers changes: at one replica at a moment, at the others `lag` seconds later."""

    first: int
    at: float
    lag: float
    order: tuple[str, ...]


class Script(Struct, frozen=True):
    """A whole run; the seed also draws latencies and which calls a fault hits.

    `weak` stores keep no tombstones; the `old` memories are there before it begins, and forgotten by the journal;
    `looks` means that relays look for work as they really do, which takes long. The `upsets` are what changes behind
    the chain's back. If it `erases`, processes erase users on request.
    """

    seed: int
    skews: tuple[float, ...]
    weak: tuple[bool, ...]
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    crashes: tuple[Crash, ...]
    switches: tuple[Switch, ...]
    old: tuple[int, ...]
    looks: bool
    slow: tuple[Slowness, ...] = ()
    stalls: tuple[Stall, ...] = ()
    upsets: tuple[Upset, ...] = ()
    erases: bool = False

    @property
    def order(self) -> tuple[str, ...]:
        """The order in the end."""
        return self.switches[-1].order if self.switches else FIRST_ORDER

    @property
    def troubles(self) -> tuple[Fault | Slowness | Stall | Crash, ...]:
        """Everything that stands in the way of calls for some seconds."""
        return (*self.faults, *self.slow, *self.stalls, *self.crashes)

    def has(self, kind: UpsetKind) -> bool:
        """Return whether something of this kind is changed behind the chain's back."""
        return any(upset.kind is kind for upset in self.upsets)

    @property
    def lapses(self) -> bool:
        """Whether there are memories that expire, and sweeps that erase them."""
        return any(step.act is Act.LAPSE for step in self.steps)

    @property
    def patrols(self) -> bool:
        """Whether the complete stores are compared all the time, which takes long."""
        return self.has(UpsetKind.DELETION)

    def staleness(self, name: str) -> float:
        """Return for how many seconds a store may not show what it has taken."""
        return max((upset.stale for upset in self.upsets if name in upset.names), default=0.0)


REPLICAS = 2
FIRST_ORDER = ("home", "standby")
NEWCOMER = "newcomer"  # is no member in the beginning, and has nothing
PROVIDERS = (*FIRST_ORDER, NEWCOMER)
JOURNAL = "journal"
CLIENTS = 3
STEPS = 12  # of each client
MEMORIES = 14
KEYS = 2  # of each user
NEVER = 2  # more memories, which are deleted before anybody stores them, if anybody does
LAPSING = 4  # more memories, which expire
LENGTH = 8.0  # seconds in which faults begin
