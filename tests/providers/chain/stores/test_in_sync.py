"""Who may answer, and who may hold what those have lost that may."""

from providers.chain.stores.in_sync import InSyncSet, in_sync
from providers.journal.operations import Member, MemberState

MEMBERS = [
    Member(name="home", identity="1", joined_at=0.0, state=MemberState.FILLING, restored=True, behind=9.0),
    Member(name="standby", identity="2", joined_at=0.0, state=MemberState.FILLING, restored=True, behind=3.0),
    Member(name="newcomer", identity="3", joined_at=0.0, state=MemberState.FILLING, ours=True),
    Member(name="stranger", identity="4", joined_at=0.0, state=MemberState.FILLING),
]


def test_while_nobody_is_in_sync_all_count_that_may_hold_what_was_lost() -> None:
    """Also who has not said yet who it is; not who brought something along."""
    found = in_sync(MEMBERS, lambda member: member.name != "standby")

    assert found == InSyncSet(
        frozenset(), restored=("home",), holders=frozenset({"home", "newcomer"}), silent=frozenset({"standby"})
    )


def test_who_is_in_sync_lacks_nothing() -> None:
    """Nobody else has to be asked."""
    complete = Member(name="complete", identity="5", joined_at=0.0, state=MemberState.COMPLETE)

    assert in_sync([*MEMBERS, complete], lambda _: True) == InSyncSet(
        frozenset({"complete"}), restored=("standby", "home")
    )
