"""Rules of retention erase what they have made due, by the clocks of store and journal, and nothing that is newer."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.answers import Stored
from providers.chain.comparing.store import ComparedStore
from providers.chain.expiring.planning import MOST_SHOWN, plan_rules
from providers.chain.expiring.rules import RetentionRule
from providers.chain.observer import ChainObserver
from providers.examination.clocks import MOST_APART
from providers.owners import Owner
from providers.source import WriteSource
from providers.types import Edit, MemoryRecord, NewMemory
from tests.providers.chain.scene import DOWN, USER, Scene, play
from tests.providers.chain.test_expiry import living, sweeper

OWNER, OTHER = Owner(USER), Owner("arasi", "acme")
RULE = RetentionRule(name="chats", keep_days=30, session="chat")


class Erased(ChainObserver):
    """Notes what rules have erased."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str]]] = []

    def retained(self, provider: str, rule: str, memories: Sequence[MemoryRecord]) -> None:  # noqa: ARG002 - of home
        """Note it."""
        self.told.append((rule, [memory.id for memory in memories]))


def days_ago(scene: Scene, days: float) -> datetime:
    """Return the moment so many days before now."""
    return datetime.fromtimestamp(scene.clock(), UTC) - timedelta(days=days)


async def kept(scene: Scene, days: float, owner: Owner = OWNER, **labels: Any) -> str:  # noqa: ANN401 - labels
    """Store a memory that was created so many days ago, everywhere, and return its id."""
    new = NewMemory(owner=owner, content="tea", created_at=days_ago(scene, days), **labels)
    stored: Stored = await scene.chain.store(new)
    await scene.deliver()
    return stored.id


async def swept(scene: Scene, *rules: RetentionRule, ahead: float = 0.0) -> list[tuple[str, list[str]]]:
    """Sweep once by rules, and return what they have erased."""
    erased = Erased()
    sweeping = sweeper(scene, ahead, erased)
    sweeping.chain.retention = rules
    await sweeping.sweep()
    await scene.deliver()
    return erased.told


def test_what_is_older_than_its_rule_says_is_erased_everywhere() -> None:
    """The one that is a second younger stays, and so does what the rule is not about."""

    async def act(scene: Scene) -> None:
        old = await kept(scene, 30.001, session="chat")
        young, other = await kept(scene, 29.999, session="chat"), await kept(scene, 300, session="notes")

        assert await swept(scene, RULE) == [("chats", [old])]
        for provider in scene.providers.values():
            assert [await living(provider, one) for one in (old, young, other)] == [False, True, True]
        assert await swept(scene, RULE) == []

    play(act)


def test_a_rule_of_a_tenant_is_about_its_users_alone() -> None:
    """And one without conditions about all."""

    async def act(scene: Scene) -> None:
        ours, theirs = await kept(scene, 100), await kept(scene, 100, OTHER)

        assert await swept(scene, RetentionRule(name="acme", keep_days=1, tenant="acme")) == [("acme", [theirs])]
        assert await swept(scene, RetentionRule(name="all", keep_days=1)) == [("all", [ours])]

    play(act)


def test_a_rule_may_be_about_an_origin() -> None:
    """What a tool has said goes, and what the user has said stays."""

    async def act(scene: Scene) -> None:
        said = await kept(scene, 100, source=WriteSource(origin="user"))
        told = await kept(scene, 100, source=WriteSource(origin="tool"))

        assert await swept(scene, RetentionRule(name="tools", keep_days=1, origin="tool")) == [("tools", [told])]
        assert await living(scene.home, said)

    play(act)


def test_many_memories_of_one_user_are_erased_page_by_page() -> None:
    """All that are due, each once, and none of those that are not."""

    async def act(scene: Scene) -> None:
        old = [await kept(scene, 40 - number / 1000, session="chat") for number in range(250)]
        young = await kept(scene, 1, session="chat")
        told = await swept(scene, RULE)

        assert [memory_id for _, ids in told for memory_id in ids] == old
        assert await living(scene.home, young)

    play(act)


@pytest.mark.parametrize("ahead", [-2 * MOST_APART, 2 * MOST_APART])
def test_nothing_is_erased_while_clocks_differ(ahead: float) -> None:
    """One of them is wrong, and nobody knows which."""

    async def act(scene: Scene) -> None:
        old = await kept(scene, 300, session="chat")

        assert await swept(scene, RULE, ahead=ahead) == []
        assert await living(scene.home, old)

    play(act)


def test_a_newer_state_refuses_to_be_erased() -> None:
    """It has not reached home yet; the sweep after that erases it, since an edit makes no memory younger."""

    async def act(scene: Scene) -> None:
        old = await kept(scene, 300, session="chat")
        scene.home.failures = {"put_many": DOWN}
        await scene.chain.change(Edit(owner=OWNER, memory_id=old, content="coffee"))
        assert await swept(scene, RULE) == []
        scene.home.failures = {}
        await asyncio.sleep(100)
        await scene.deliver()
        assert await living(scene.home, old)

        assert await swept(scene, RULE) == [("chats", [old])]

    play(act)


def test_a_label_that_was_changed_takes_a_memory_out_of_a_rule() -> None:
    """By the time of the sweep it is of another session."""

    async def act(scene: Scene) -> None:
        old = await kept(scene, 300, session="chat")
        await scene.chain.change(Edit(owner=OWNER, memory_id=old, session="kept"))

        assert await swept(scene, RULE) == []

    play(act)


def test_a_plan_counts_what_is_due_and_names_the_oldest_and_changes_nothing() -> None:
    """By rule; a memory that two rules are about counts for both."""

    async def act(scene: Scene) -> None:
        old = [await kept(scene, 100 - number, session="chat") for number in range(MOST_SHOWN + 2)]
        theirs = await kept(scene, 200, OTHER, session="chat")
        await kept(scene, 1, session="chat")
        all_of_acme = RetentionRule(name="acme", keep_days=1, tenant="acme")
        store, now = ComparedStore(scene.links["home"], scene.clock), days_ago(scene, 0)

        plans, last = await plan_rules(store, [RULE, all_of_acme], now, None, scene.clock)
        chats, acme = plans

        assert last is None
        assert (chats.due, chats.users, acme.due, acme.users) == (len(old) + 1, 2, 1, 1)
        assert [one.memory_id for one in chats.oldest] == [theirs, *old[: MOST_SHOWN - 1]]
        assert [(one.tenant, one.user_id) for one in acme.oldest] == [("acme", "arasi")]
        assert await living(scene.home, old[0])
        assert await plan_rules(store, [], now, None, scene.clock) == ([], None)

    play(act)
