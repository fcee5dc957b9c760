"""All stores that had everything are put back, and one that was being filled has the last copy of a memory."""

from msgspec.structs import replace

from providers.journal.base import Journal
from providers.journal.operations import Member
from tests.simulation.design import RealDesign
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.run import run
from tests.simulation.script import Act, Fault, Mode, Script, Step, Switch
from tests.simulation.upsets import Upset, UpsetKind

_ORDER = ("newcomer", "home", "standby")


def _step(wait: float, act: Act, memory: int, replica: int = 0, client: int = 0) -> Step:
    return Step(client=client, wait=wait, act=act, memory=memory, replica=replica, retries=0)


# A few seconds after what was noted is confirmed everywhere, and forgotten, home and the standby lose it.
_SCRIPT = Script(
    seed=1_001_550,
    skews=(0.0, 0.0),
    weak=(False,) * 3,
    steps=(
        _step(0.05, Act.REMEMBER, 5, replica=1),
        _step(0.03, Act.GET, 11),
        _step(0.0, Act.TAG, 6),
        _step(0.85, Act.NOTE, 9),
        _step(0.0, Act.UPDATE, 9, client=1),
    ),
    faults=(Fault(where="newcomer", at=3.0, seconds=6.5, mode=Mode.REFUSED, share=1.0),),
    crashes=(),
    switches=(Switch(first=0, at=1.42, lag=1.39, order=_ORDER),),
    upsets=(Upset(kind=UpsetKind.ROLLBACK, at=8.52, names=_ORDER[1:], copied=0.67, seconds=5.0, replica=1),),
    old=(),
    looks=False,
)


class _Unheard(SimulatedJournal):
    """A journal that does not tell whose memories a member holds."""

    async def members(self) -> list[Member]:
        """Return members of whom nobody is a source."""
        return [replace(member, ours=False) for member in await super().members()]


class _NewcomersUnheard(RealDesign):
    """Only the stores that had everything are merged."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return such a journal."""
        return _Unheard(runner, looks=looks)


def test_the_last_copy_is_found() -> None:
    """It is shown, and brought to all."""
    made = run(_SCRIPT)

    assert made.wrong == []
    assert [breach.lost for breach in made.breaches] == [{}]


def test_a_design_that_hears_no_newcomer_is_found_out() -> None:
    """It answers without the memory, as if nothing were missing."""
    assert any(broken.startswith("does not show") for broken in run(_SCRIPT, _NewcomersUnheard()).broken)
