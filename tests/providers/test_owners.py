"""An owner's key: one text for each owner, and for users of the default tenant what it has always been."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.auth.caller import Caller
from app.http.idempotency import WriteIds
from providers import limits
from providers.chain.comparing.walking import WalkPlace
from providers.errors import InvalidInput
from providers.mem0.codec import metadata_of
from providers.mem0.names import deleted_of, name_of, owner_of
from providers.owners import KEY_MARK, Owner
from providers.replica_limits import MAX_KEY_CHARS, check_owners_page, check_snapshot
from providers.states.codec import decode, encode
from providers.states.editing import first_state, tombstone_for
from providers.types import Edit, NewMemory
from tests.support.states import live

BOB = Owner("bob %1Facme நி")
ID = "01890000-0000-7000-8000-000000000001"
FIRST_STATE = first_state(
    NewMemory(owner=BOB, content="tea", metadata={"a": 1}),
    ID,
    5 << 16,
    datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
)
STATE = replace(FIRST_STATE, first_version=0)  # as it was made before that was stored

users = st.text(min_size=1, max_size=12)
tenants = st.sampled_from(["default", "a", "b", "a.b", "A", "0"]) | st.text(min_size=1, max_size=8)
owners = st.builds(Owner, users, tenants)


def _refused(owner: Owner) -> bool:
    try:
        limits.check_owner(owner)
    except InvalidInput:
        return True
    return False


@given(owners, owners)
def test_two_owners_never_have_one_key(one: Owner, other: Owner) -> None:
    """Equal keys of owners who can have memories are those of one owner, here and as mem0 names them."""
    if _refused(one) or _refused(other):
        return

    assert (one.key == other.key) == (one == other)
    assert (name_of(one) == name_of(other)) == (one == other)
    assert Owner.of_key(one.key) == owner_of(name_of(one)) == owner_of(deleted_of(one)) == one


@given(st.text(max_size=20) | st.lists(st.sampled_from([KEY_MARK, "default", "a", "b"]), max_size=5).map("".join))
def test_a_text_is_the_key_of_one_owner_or_of_nobody(text: str) -> None:
    """Whatever stands in a store is read as an owner with that very key, so that nothing is read as another's."""
    assert Owner.of_key(text).key == text


@pytest.mark.parametrize(
    "text", [KEY_MARK, f"{KEY_MARK}acme", f"{KEY_MARK}default{KEY_MARK}bob", f"{KEY_MARK}{KEY_MARK}bob"]
)
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    """Half a key, a second key of a user of the default tenant, and a tenant without a name belong to nobody."""
    assert _refused(Owner.of_key(text))
    with pytest.raises(InvalidInput):
        check_snapshot(live(text))


def test_the_longest_key_is_a_place_among_owners() -> None:
    """The longest user of the longest tenant can be walked past, and nothing longer can."""
    longest = Owner("u" * limits.MAX_USER_ID_CHARS, "t" * limits.MAX_TENANT_CHARS)

    check_owners_page(1, longest)

    assert len(longest.key) == MAX_KEY_CHARS
    with pytest.raises(InvalidInput):
        check_owners_page(1, Owner(longest.user + "u", longest.tenant))


def changed(owner: Owner) -> Edit:
    """Return a change to a memory of an owner."""
    return Edit(owner=owner, memory_id=ID, content="x", metadata=None)


def test_the_ids_of_the_default_tenant_are_those_of_earlier_releases() -> None:
    """A retry across the update finds what it wrote before (recorded before there were tenants)."""
    ids = WriteIds(Caller("key", BOB.user), "k-1")

    assert (ids.memory(), ids.memory(3)) == (
        "401b78b8-bf26-5a6a-8f4b-6d4c72e512a7",
        "1e4ffa20-06ca-5fa6-9cec-0c3be7e21ad9",
    )
    assert ids.update(changed(BOB)).edit_id == "7e84f3b2-7880-5558-baa5-766cf8b33223"
    assert ids.delete(ID) == "dc1b63df-9d34-54c3-b6b3-dc6384f33238"


def test_the_encodings_of_the_default_tenant_are_those_of_earlier_releases() -> None:
    """States, answers and names are byte for byte the same (recorded before there were tenants)."""
    assert encode(STATE) == (
        '{"user_id":"bob %1Facme நி","id":"01890000-0000-7000-8000-000000000001","version":327680,"content":"tea",'
        '"metadata":{"a":1},"created_at":"2026-01-02T03:04:05.678000Z","digest":"Fufg4h/rxU24VpgxKJgaXg=="}'
    )
    assert encode(tombstone_for(STATE.record, 6 << 16)) == (
        '{"user_id":"bob %1Facme நி","id":"01890000-0000-7000-8000-000000000001","version":393216,"content":null,'
        '"created_at":"2026-01-02T03:04:05.678000Z"}'
    )
    assert msgspec.json.encode(replace(STATE.record, version=0)).decode() == (
        '{"id":"01890000-0000-7000-8000-000000000001","user_id":"bob %1Facme நி","content":"tea","metadata":{"a":1},'
        '"created_at":"2026-01-02T03:04:05.678000Z","updated_at":null}'
    )
    assert WalkPlace(BOB.key, "x").token == "WyJib2IgJTFGYWNtZSDgrqjgrr8iLCJ4Il0"
    assert (name_of(BOB), deleted_of(BOB)) == ("bob%20%251Facme%20நி", "%ninai:deleted:bob%20%251Facme%20நி")
    assert metadata_of(STATE) == {
        "ninai": '{"id":"01890000-0000-7000-8000-000000000001","version":327680,"metadata":{"a":1},'
        '"created_at":"2026-01-02T03:04:05.678000Z","digest":"Fufg4h/rxU24VpgxKJgaXg=="}'
    }


def test_a_state_of_an_earlier_release_is_of_the_default_tenant() -> None:
    """What a journal holds from before is the memory of the user of that name."""
    assert decode(encode(STATE)).owner == BOB


def test_a_memory_names_its_tenant_unless_it_is_the_default_one() -> None:
    """A caller of another tenant reads the user id that it sent, and its tenant."""
    record = first_state(NewMemory(owner=Owner("bob", "acme"), content="tea"), ID, 1, datetime.now(UTC)).record

    assert (record.user_id, record.tenant, record.owner) == ("bob", "acme", Owner("bob", "acme"))
    assert decode(encode(tombstone_for(record, 2))).owner == Owner("bob", "acme")


def test_two_tenants_never_mint_one_id() -> None:
    """The same caller, user and key mean another memory, change and deletion in another tenant."""
    acme, other = (WriteIds(Caller("key", "bob", tenant), "k-1") for tenant in ("acme", "default"))

    assert acme.memory() != other.memory()
    assert acme.update(changed(Owner("bob", "acme"))).edit_id != other.update(changed(Owner("bob"))).edit_id
    assert acme.delete(ID) != other.delete(ID)
