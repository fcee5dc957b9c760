"""What a key stands for: its tenant, its scopes, its users, and until when."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.auth.api_key import ApiKeys, KeyTable
from app.auth.credentials import Credential
from app.auth.keys import MAX_KEY_CHARS, Pepper, hash_key, new_key
from app.auth.refusals import CallerRefused
from app.settings.auth import KeySettings
from providers.errors import InvalidInput
from tests.support.clock import FakeClock
from tests.support.known_keys import PEPPER, knowing

KEY, OTHER = new_key("ci"), new_key("ci")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at_noon() -> FakeClock:
    """A clock that stands at noon."""
    clock = FakeClock()
    clock.now = NOON.timestamp()
    return clock


def settings(**fields: Any) -> KeySettings:  # noqa: ANN401 - any field of a key
    """The settings of `KEY`."""
    return KeySettings(hash=PEPPER.hash(KEY), **fields)


def knowing_keys(**keys: KeySettings) -> ApiKeys:
    """A service that knows these keys."""
    return knowing(keys)


def knowing_at(now: FakeClock, **keys: KeySettings) -> ApiKeys:
    """The same, at a time."""
    return knowing(keys, now)


def refusal(keys: ApiKeys, text: str) -> tuple[str, str | None]:
    """Why a key is refused, and which caller that is."""
    with pytest.raises(CallerRefused) as caught:
        keys.identify(Credential(text))
    return caught.value.reason, caught.value.caller


def test_a_key_stands_for_what_is_configured() -> None:
    """Tenant, scopes and users come from the settings, and nothing from the key itself."""
    keys = knowing_keys(agents=settings(tenant="acme", user="alice", scopes=["memory:read", "metrics:read"]))

    identity = keys.identify(Credential(KEY))

    assert (identity.id, identity.tenant) == ("agents", "acme")
    assert identity.scopes == {"memory:read", "metrics:read"}
    caller = identity.caller_for(None)
    assert (caller.owner.user, caller.owner.tenant) == ("alice", "acme")


@pytest.mark.parametrize(
    ("fields", "allowed", "refused"),
    [
        ({"user": "alice"}, [None, "alice"], ["bob", "alice2"]),
        ({"users": ["alice", "bob"]}, ["alice", "bob"], ["carol", "ali"]),
        ({"user": "alice", "users": ["bob"]}, [None, "alice", "bob"], ["carol"]),
        ({"user_prefix": "team-"}, ["team-", "team-a"], ["tea", "a-team-", "Team-a"]),
        ({"users": ["bob"], "user_prefix": "team-"}, ["bob", "team-a"], ["alice"]),
        ({}, ["alice", "bob"], []),
    ],
)
def test_a_key_speaks_for_its_users(fields: dict[str, Any], allowed: list[str | None], refused: list[str]) -> None:
    """One, several, those with a prefix, or any; whom it means by default, if anybody."""
    users = knowing_keys(ci=settings(**fields)).identify(Credential(KEY)).users

    assert [users.choose(user) for user in allowed] == [user or "alice" for user in allowed]
    for user in refused:
        with pytest.raises(CallerRefused) as caught:
            users.choose(user)
        assert caught.value.reason == "user"
    if None not in allowed:
        with pytest.raises(InvalidInput):
            users.choose(None)


def test_a_key_ends_when_it_expires() -> None:
    """To the second, and its holder is told."""
    clock = at_noon()
    keys = knowing_at(clock, ci=settings(expires=NOON))

    assert refusal(keys, KEY) == ("expired", "ci")
    clock.now -= 1
    assert keys.identify(Credential(KEY)).expires == NOON.timestamp()


def test_a_revoked_key_is_refused() -> None:
    """Both of its secrets, whatever else is configured."""
    keys = knowing_keys(ci=settings(revoked=NOON, former_hash=PEPPER.hash(OTHER)))

    assert [refusal(keys, text) for text in (KEY, OTHER)] == [("revoked", "ci")] * 2


def test_two_secrets_of_a_key_are_one_caller() -> None:
    """So that what was begun with the former one can be repeated with the new one; until the former one ends."""
    clock = at_noon()
    keys = knowing_at(clock, ci=settings(former_hash=PEPPER.hash(OTHER), former_until=NOON))

    assert refusal(keys, OTHER) == ("expired", "ci")
    assert keys.identify(Credential(KEY)).id == "ci"
    clock.now -= 1
    former, present = keys.identify(Credential(OTHER)), keys.identify(Credential(KEY))
    assert (former.id, former.scopes, former.users) == (present.id, present.scopes, present.users)
    assert former.proof != present.proof


def test_a_bare_hash_of_before_counts() -> None:
    """For a key of any form, as long as no longer one."""
    texts = ["ninai_" + "x" * 43, "anything", KEY, "k" * MAX_KEY_CHARS]
    keys = knowing({f"k{place}": KeySettings(hash=hash_key(text)) for place, text in enumerate(texts)})

    assert [keys.identify(Credential(text)).id for text in texts] == ["k0", "k1", "k2", "k3"]


def test_a_key_longer_than_any_is_not_even_hashed() -> None:
    """Whatever its hash is."""
    text = "k" * (MAX_KEY_CHARS + 1)

    assert refusal(knowing_keys(ci=KeySettings(hash=hash_key(text))), text) == ("malformed", None)


def test_keys_of_another_pepper_are_named() -> None:
    """They can match nothing, and an operator has to know."""
    keys = {"mine": settings(), "foreign": KeySettings(hash=Pepper(b"q" * 32).hash(OTHER))}
    table = KeyTable(keys, PEPPER)

    assert table.of_another_pepper == ["foreign"]
    assert (table.secret_of(OTHER), KeyTable(keys, None).of_another_pepper) == (None, ["mine", "foreign"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (new_key("ci"), "unknown"),
        (KEY[:-1], "malformed"),
        (KEY + "x", "malformed"),
        (KEY.swapcase(), "malformed"),
        (PEPPER.hash(KEY), "malformed"),
        ("", "malformed"),
    ],
    ids=["another", "cut", "longer", "in other letters", "its hash", "empty"],  # keys differ from process to process
)
def test_what_is_not_known_is_no_key(text: str, reason: str) -> None:
    """The log tells a wrong key from what is none; the caller learns neither."""
    assert refusal(knowing_keys(ci=settings()), text) == (reason, None)


def test_the_hour_of_the_last_use_is_noted() -> None:
    """Of keys that count, and of no other."""
    clock = at_noon()
    keys = knowing_at(clock, ci=settings(), gone=KeySettings(hash=PEPPER.hash(OTHER), revoked=NOON))

    keys.identify(Credential(KEY))
    refusal(keys, OTHER)

    assert keys.used == {"ci": int(NOON.timestamp()) // 3600}
