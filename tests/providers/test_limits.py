"""The checks that every provider shares, where the contract of all providers does not reach."""

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from providers import filter_limits, limits
from providers.errors import InvalidInput
from providers.filters import And, Eq, Exists, Filter, In, Not, Or
from providers.owners import DEFAULT_TENANT, Owner
from providers.positions import Position
from providers.types import NewMemory, PageQuery, RecallQuery

ID = "0190b8a0-0000-7000-8000-00000000000a"


def reason_of(check: Callable[..., object], *arguments: object) -> tuple[str, str]:
    """The field and the rule for which the check refuses the arguments."""
    with pytest.raises(InvalidInput) as refusal:
        check(*arguments)
    return refusal.value.field, refusal.value.reason


@pytest.mark.parametrize(
    ("user_id", "reason"),
    [
        ("", "must not be empty"),
        ("\u2003\t", "must not be empty"),
        ("u" * 257, "must be at most 256 characters, got 257"),
        ("*", "must not be '*'"),
        ("a\0b", "must not contain control characters"),
        ("a\x9fb", "must not contain control characters"),
        ("a\udfffb", "must not contain control characters"),
    ],
)
def test_a_bad_user_id_is_named(user_id: str, reason: str) -> None:
    """Each rule on user ids says what it wants."""
    assert reason_of(limits.check_user_id, user_id) == ("user_id", reason)


@pytest.mark.parametrize("user_id", ["u", "u" * 256, "**", "a b", " a", "%", "நினைவு", "\u200b", "e\u0301", "a\u2028b"])
def test_an_unusual_user_id_is_fine(user_id: str) -> None:
    """Whatever is text, visible or not, names a user."""
    limits.check_user_id(user_id)


def test_an_id_is_given_in_its_canonical_form() -> None:
    """Capitals become small letters, for memories and for edits."""
    assert limits.check_memory_id(ID.upper()) == ID
    assert limits.check_edit_id(ID.upper()) == ID


@given(st.uuids())
def test_every_uuid_is_an_id(value: object) -> None:
    """Any version of UUID will do."""
    assert limits.check_memory_id(str(value)) == str(value)


@given(st.text(max_size=40))
def test_no_other_text_is_an_id(text: str) -> None:
    """Text that is no UUID is refused, and never with another error."""
    assert reason_of(limits.check_memory_id, text) == ("memory_id", "must be a UUID")
    assert reason_of(limits.check_edit_id, text) == ("edit_id", "must be a UUID")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n", "must not be blank"),
        ("abcd", "must be at most 3 characters, got 4"),
        ("a\0", "must not contain NUL characters"),
        ("a\ud83d", "must be valid Unicode without lone surrogates"),
    ],
)
def test_bad_text_is_named(text: str, reason: str) -> None:
    """Each rule on texts says what it wants."""
    assert reason_of(limits.check_text, "title", text, 3) == ("title", reason)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"k": "x" * 16_377}, "must be at most 16384 bytes of JSON, got 16385"),
        ({"k": [0] * 16_384}, "must be at most 16384 bytes of JSON"),
        ({1: 1}, "must have strings as keys"),
        ({"k": (1,)}, "must be JSON, but holds a tuple"),
        ({"k": [float("nan")]}, "must not contain NaN or infinite numbers"),
        ({"k": -(10**4300)}, "must not contain integers of more than 4300 digits"),
        ({"k": {"\0": 1}}, "must not contain NUL characters"),
        ({"k": {"a": ["\ud800"]}}, "must be valid Unicode without lone surrogates"),
    ],
)
def test_bad_metadata_is_named(metadata: dict[str, Any], reason: str) -> None:
    """Each rule on metadata says what it wants."""
    assert reason_of(limits.check_metadata, metadata) == ("metadata", reason)


@pytest.mark.parametrize(
    "metadata", [None, {}, {"k": "x" * 16_376}, {"k": 10**4300 - 1}, {"": [True, None, -0.0, 5e-324]}]
)
def test_good_metadata_is_fine(metadata: dict[str, Any] | None) -> None:
    """Metadata up to the limits, or none at all, passes."""
    limits.check_metadata(metadata)


@pytest.mark.parametrize(("levels", "fine"), [(32, True), (33, False), (100_000, False)])
def test_depth_is_an_answer_and_not_a_crash(levels: int, fine: bool) -> None:  # noqa: FBT001 - the expected answer
    """Metadata of any depth is judged, the object itself being level 1."""
    metadata: dict[str, Any] = {}
    for _ in range(levels - 1):
        metadata = {"k": metadata}

    if fine:
        limits.check_metadata(metadata)
    else:
        assert reason_of(limits.check_metadata, metadata) == ("metadata", "must be at most 32 levels deep")


def test_a_new_memory_is_checked_in_every_field() -> None:
    """The first field that breaks a rule is named."""
    good: dict[str, Any] = {"owner": Owner("u"), "content": "tea", "metadata": {}, "memory_id": ID, "version": 1}
    bad: dict[str, Any] = {
        "owner": Owner("*"),
        "content": "",
        "metadata": {"k": b""},
        "memory_id": "1",
        "version": -1,
        "created_at": datetime(2024, 1, 1),  # noqa: DTZ001 - refused for it
    }

    limits.check_new_memory(NewMemory(**good, created_at=datetime.now(UTC)))
    named = [
        reason_of(limits.check_new_memory, NewMemory(**(good | {field: value})))[0] for field, value in bad.items()
    ]
    assert named == ["user_id", *list(bad)[1:]]


def test_a_question_is_checked_in_every_field() -> None:
    """The first field that breaks a rule is named."""
    naive = datetime(2024, 1, 1)  # noqa: DTZ001 - refused for it
    bad: dict[str, Any] = {
        "owner": Owner("*"),
        "query": "",
        "limit": 0,
        "min_score": 1.5,
        "created_from": naive,
        "created_before": naive,
        "where": Exists([]),
        "without": frozenset(map(str, range(limits.MAX_WITHOUT + 1))),
    }

    good: dict[str, Any] = {"owner": Owner("u"), "query": "tea"}

    most = frozenset(map(str, range(limits.MAX_WITHOUT)))
    limits.check_recall(RecallQuery(**good, where=Exists("k"), min_score=1.0, without=most))
    named = [reason_of(limits.check_recall, RecallQuery(**(good | {field: value})))[0] for field, value in bad.items()]
    assert named == ["user_id", *list(bad)[1:]]


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (Not(Not(Not(Not(Not(Not(Not(Not(Exists("k"))))))))), "must be at most 8 levels deep"),
        (Or([And([Exists("k")] * 32), And([Exists("k")] * 33)]), "must hold at most 64 conditions"),
        (Or([And([])]), "must hold at least one condition in each 'and' and 'or'"),
        (Eq("k", [0] * 16_384), "must be at most 16384 bytes of JSON"),
        (And([Eq("k", [0] * 8_190), In("k", [[0] * 8_191, 1, 2])]), "must be at most 16384 bytes of JSON"),
    ],
)
def test_a_bad_filter_is_named(where: Filter, reason: str) -> None:
    """Each rule on the shape of filters says what it wants."""
    assert reason_of(filter_limits.check_filter, where) == ("where", reason)


def test_what_joins_conditions_is_none_of_them() -> None:
    """However it is joined, a filter may hold as many conditions on fields as it may."""
    filter_limits.check_filter(And([Exists("k")] * 64))
    filter_limits.check_filter(Or([And([Exists("k"), Not(Exists("l"))])] * 32))


def test_the_values_of_all_conditions_count() -> None:
    """As many as metadata may hold are fine, however they are spread."""
    filter_limits.check_filter(Eq("k", [0] * 16_383))
    filter_limits.check_filter(And([Eq("k", [0] * 8_190), In("k", [[0] * 8_191, 1])]))


def test_values_are_counted_before_they_are_looked_at() -> None:
    """A list that is too long takes no memory to refuse, and the same list in many places no time."""
    many = [0] * 1_000_000
    tracemalloc.start()

    refused = [
        reason_of(limits.check_metadata, {"k": many}),
        reason_of(filter_limits.check_filter, Eq("k", {"k": many})),
    ]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert {field for field, _ in refused} == {"metadata", "where"}
    assert peak < 100_000


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (10**20 - 1, "must be between 1 and 9, got 99999999999999999999"),
        (10**20, "must be between 1 and 9"),
        (-(10**5_000), "must be between 1 and 9"),
    ],
    ids=["20 digits", "21 digits", "5,001 digits"],  # made up from the last, this would be what must not be
)
def test_a_long_number_is_not_quoted(number: int, reason: str) -> None:
    """What nobody would read is not said, also where Python would refuse to write it out."""
    assert reason_of(limits.check_range, "limit", number, 1, 9) == ("limit", reason)


class Nowhere(tzinfo):
    """A time zone that does not know where it is."""

    def utcoffset(self, _: datetime | None) -> timedelta | None:
        """No offset."""
        return None

    def dst(self, _: datetime | None) -> timedelta | None:
        """No summer time."""
        return None

    def tzname(self, _: datetime | None) -> str | None:
        """No name."""
        return None


def test_a_time_zone_must_have_an_offset() -> None:
    """A moment whose time zone gives no offset is as good as without one."""
    position = Position(datetime(2024, 1, 1, tzinfo=Nowhere()), ID)

    assert reason_of(limits.check_page, PageQuery(owner=Owner("u"), after=position)) == (
        "after",
        "must carry a time zone",
    )


def test_a_page_is_within_its_bounds() -> None:
    """A page names the bound it breaks."""
    position = Position(datetime.now(UTC), ID)
    query = PageQuery(owner=Owner("u"), limit=1_000, offset=100_000, after=position)
    limits.check_page(query)

    def refusal(**fields: object) -> tuple[str, str]:
        return reason_of(limits.check_page, replace(query, **fields))

    assert refusal(limit=1_001) == ("limit", "must be between 1 and 1000, got 1001")
    for version in (0, limits.MAX_FIRST_VERSION):
        limits.check_page(replace(query, after=replace(position, first_version=version), order="oldest"))
    for wrong in (-1, limits.MAX_FIRST_VERSION + 1):
        assert refusal(after=replace(position, first_version=wrong))[0] == "after"
    assert refusal(order="oldest")[0] == "after"
    assert refusal(offset=-1) == ("offset", "must be between 0 and 100000, got -1")
    assert refusal(after=replace(position, memory_id="1")) == ("after", "must be a UUID")


@pytest.mark.parametrize("tenant", [DEFAULT_TENANT, "a", "Acme-1.eu_west", "0", "t" * limits.MAX_TENANT_CHARS])
def test_a_tenant_has_a_plain_name(tenant: str) -> None:
    """Letters and digits of ASCII, dots, hyphens and underscores, up to 64 of them."""
    limits.check_owner(Owner("u", tenant))


@pytest.mark.parametrize(
    "tenant", ["", " ", "-a", ".a", "a b", "a,b", "*", "a\x1fb", "é", "a\n", "t" * (limits.MAX_TENANT_CHARS + 1)]
)
def test_a_tenant_of_another_form_is_refused(tenant: str) -> None:
    """Nothing that could end a tenant within a key or a list, and nothing longer."""
    field, reason = reason_of(limits.check_owner, Owner("u", tenant))

    assert field == "tenant"
    assert reason.startswith("must be 1 to 64 of A-Z, a-z, 0-9")


def test_a_batch_is_within_its_bounds() -> None:
    """A batch names itself and its bounds."""
    limits.check_batch("memories", [1] * 1_000)

    assert reason_of(limits.check_batch, "memories", []) == ("memories", "must hold between 1 and 1000 items, got 0")


@pytest.mark.parametrize("version", [None, 0, 1, 2**62 - 1])
def test_a_version_is_one_that_a_clock_could_mint_past(version: int | None) -> None:
    """Versions leave room for others in 64 bits."""
    limits.check_version(version)

    assert reason_of(limits.check_version, 2**62)[0] == "version"
