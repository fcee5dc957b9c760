"""A store is judged by what it says of itself after its member was read, and by nothing older."""

from msgspec.structs import replace

from providers.chain.stores.registrar import Registrar
from providers.errors import Unavailable
from providers.introduction import Introduction
from providers.journal.operations import MemberState
from tests.providers.chain.stage import Stage, staged
from tests.support.chain_rig import INSTALLATION
from tests.support.frail import FrailProvider


async def _marked(stage: Stage, store: FrailProvider) -> tuple[Registrar, list[Introduction]]:
    """Return a registrar, and what a store said of itself after each of two marks."""
    registrar = Registrar(stage.journal, INSTALLATION, wall=stage.clock)
    await registrar.recognise_journal()
    await stage.journal.join("a", await store.identity(), MemberState.COMPLETE)
    said = []
    introduction = await store.introduce()
    for _ in range(2):
        member = await stage.member("a")
        assert member is not None
        introduction = await registrar.leave_mark("a", store, introduction, member)
        said.append(introduction)
    return registrar, said


def test_what_a_store_said_before_another_process_left_a_mark_is_no_rollback() -> None:
    """Neither if it says so again at once, nor if it does not answer then."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        registrar, [first, second] = await _marked(stage, store)
        before = await stage.member("a")
        store.errors.append(Unavailable("for a moment"))

        assert await registrar.meet("a", store, first) is None
        assert await stage.member("a") == before
        assert await registrar.meet("a", store, first) == second
        assert await stage.member("a") == before

    staged(main)


def test_a_store_with_an_older_mark_was_rolled_back() -> None:
    """What it says when it is asked again counts."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        registrar, [first, _] = await _marked(stage, store)
        before = await stage.member("a")
        assert before is not None
        store._mark = first.mark  # noqa: SLF001 - as a backup would put it back

        await registrar.meet("a", store)
        assert await stage.member("a") == replace(
            before,
            state=MemberState.FILLING,
            epoch=before.epoch + 1,
            noted=0,
            restored=True,
            behind=0.0,
        )

    staged(main)
