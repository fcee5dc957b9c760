"""A single provider without a journal is not believed to have everything if its store says that it had one."""

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from providers.chain.errors import OrderRefused
from providers.chain.opening import JournalSpec
from providers.introduction import StoreMark
from tests.providers.chain.stage import Stage, staged
from tests.support.chain_rig import INSTALLATION
from tests.support.frail import FrailProvider

LEFT = StoreMark(installation=INSTALLATION, journal="the former one", epoch=1, number=1, at=0.0, pending=True)
DONE = replace(LEFT, pending=False)


async def opened(stage: Stage, store: FrailProvider, *, configured: bool) -> list[str]:
    """Open a chain of one provider, for which no journal is begun; return the warnings."""
    chain = stage.chain()
    choice = chain._journal_choice  # noqa: SLF001 - the stage's journal
    if configured:
        chain._journal_choice = JournalSpec(opened=None, always=False, installation=INSTALLATION)  # noqa: SLF001 - as above
    assert not choice.always
    with capture_logs() as logs:
        await chain.switch([stage.part("a", store)])
    return [log["event"] for log in logs if log["log_level"] == "warning"]


def test_who_may_lack_what_a_lost_journal_held_is_refused() -> None:
    """The reason names the journal, and the ways on."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        await store.leave_mark(LEFT, None)

        with pytest.raises(OrderRefused, match="the former one is gone") as refusal:
            await opened(stage, store, configured=False)
        assert "ninai journal adopt" in str(refusal.value)
        assert 'journal.kind = "none"' in str(refusal.value)

    staged(main)


def test_who_is_to_have_none_is_warned() -> None:
    """By whoever operates it, who may know that nothing is missing."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        await store.leave_mark(LEFT, None)

        assert await opened(stage, store, configured=True) == ["journal_left"]

    staged(main)


@pytest.mark.parametrize("mark", [None, DONE])
def test_nothing_is_said_where_nothing_can_be_missing(mark: StoreMark | None) -> None:
    """As after a journal that had delivered everything."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        if mark is not None:
            await store.leave_mark(mark, None)

        assert await opened(stage, store, configured=False) == []

    staged(main)


def test_who_does_not_answer_is_believed() -> None:
    """A single provider starts while its store is down."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        await store.leave_mark(LEFT, None)
        store.down = True

        assert await opened(stage, store, configured=False) == []

    staged(main)
