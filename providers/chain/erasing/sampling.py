"""What an erasure notes of a user before the texts go, so that the stores can be asked for it afterwards."""

from msgspec import Struct, field

from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Ask, Link, Result
from providers.chain.policy import OperationClass
from providers.owners import Owner
from providers.replica import MAX_SNAPSHOTS

MAX_IDS = 200  # of memories that are looked for one by one
MAX_QUESTIONS = 5  # texts that are asked for
QUESTION_CHARS = 500  # of each


class Sample(Struct):
    """Ids and texts of what a user has, the greatest `version` among all states, and what was looked at in which store.

    It lives in memory alone, and not longer than the erasure: the receipt holds counts.
    """

    ids: dict[str, None] = field(default_factory=dict)
    questions: dict[str, None] = field(default_factory=dict)
    version: int = 0
    read: bool = False

    async def take(self, link: Link, owner: Owner) -> None:
        """Read all that a store holds of a user.

        Raises:
            Unavailable: the store does not answer.
        """
        after: str | None = None
        while True:
            place = after
            page = await asked(
                link,
                lambda provider: provider.snapshots(owner, MAX_SNAPSHOTS, after=place),  # noqa: B023 - awaited before the next turn
                MAX_SNAPSHOTS,
                owner=owner,
            )
            for state in page:
                self.version = max(self.version, state.version)
                if len(self.ids) < MAX_IDS:
                    self.ids[state.id] = None
                if state.content and len(self.questions) < MAX_QUESTIONS:
                    self.questions[state.content[:QUESTION_CHARS]] = None
            if len(page) < MAX_SNAPSHOTS:
                break
            after = page[-1].id
        self.read = True


async def asked(link: Link, ask: Ask[Result], size: int = 1, *, owner: Owner | None = None) -> Result:
    """Ask a store for what it really holds, of one owner if not of all, with the time of a delivery.

    Raises:
        Unavailable: it does not answer.
    """
    deadline = Deadline.after(link.attempts.seconds(OperationClass.REPLAY, size), link.attempts.now)
    return await link.ask_store(ask, OperationClass.REPLAY, CallOptions(deadline), size=size, owner=owner)
