"""Cursors of lists: sealed for one owner, one query and a day, the same for all replicas, and opaque."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from app.auth.pepper import cursor_secret
from app.http.cursors import CURSOR_SECONDS, MAX_CURSOR_CHARS, Cursors
from app.http.problems import RequestError
from app.settings import load
from providers.answers import Found
from providers.errors import InvalidInput
from providers.limits import MAX_USER_ID_CHARS
from providers.owners import Owner
from providers.types import MemoryRecord, PageQuery
from tests.support.clock import FakeClock
from tests.support.following import listened

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET, OTHER = b"s" * 32, b"o" * 32
MEMORY = MemoryRecord(
    id="01a203e4-5a4f-763f-8849-9a1d5c4214d4",
    user_id="ann",
    content="tea",
    metadata=None,
    created_at=NOW,
    updated_at=None,
    first_version=7,
)
QUERY = PageQuery(owner=Owner("ann"), limit=1)


def issued(cursors: Cursors, provider: str = "standby") -> str:
    """The cursor behind the one memory of a page."""
    text = cursors.next(Found(memories=[MEMORY], provider=provider), QUERY)
    assert text is not None
    return text


def test_a_cursor_leads_on_for_its_owner_and_query_in_every_replica() -> None:
    """The place and the provider come back; the limit may differ."""
    text = issued(Cursors(SECRET))

    page = Cursors(SECRET).continued(replace(QUERY, limit=9), text)

    assert (page.after, page.provider, page.limit) == (MEMORY.position, "standby", 9)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (replace(QUERY, owner=Owner("bob")), "another user"),
        (replace(QUERY, owner=Owner("ann", "acme")), "another user"),
        (replace(QUERY, order="oldest"), "another order"),
        (replace(QUERY, session="trip"), "other conditions"),
    ],
)
def test_a_cursor_is_for_nothing_else(query: PageQuery, why: str) -> None:
    """Neither for another owner, also one of the same name, nor for another query."""
    with pytest.raises(InvalidInput, match=why):
        Cursors(SECRET).continued(query, issued(Cursors(SECRET)))


def test_a_cursor_expires() -> None:
    """After a day, rounded up to the hour, the list is to be begun again."""
    clock = FakeClock(NOW.timestamp())
    cursors = Cursors(SECRET, clock)
    text = issued(cursors)

    clock.pass_by(CURSOR_SECONDS)
    assert cursors.continued(QUERY, text).after == MEMORY.position
    clock.pass_by(3_600)
    with pytest.raises(RequestError, match="expired") as refused:
        cursors.continued(QUERY, text)

    assert (refused.value.kind.status, refused.value.field) == (409, "cursor")


def test_a_cursor_of_another_secret_is_none() -> None:
    """Whoever does not have the secret makes no cursor."""
    with pytest.raises(InvalidInput, match="not a cursor of this service"):
        Cursors(SECRET).continued(QUERY, issued(Cursors(OTHER)))


@pytest.mark.parametrize("more", [(), (b"digest",)])
def test_a_cursor_of_the_version_before_begins_the_list_again(more: tuple[bytes, ...]) -> None:
    """It was not sealed, and so anybody could have made it, in a rolling update as well."""
    old = urlsafe_b64encode(msgspec.msgpack.encode(("slow_standby", MEMORY.position, *more))).decode().rstrip("=")

    with pytest.raises(RequestError, match="version before") as refused:
        Cursors(SECRET).continued(QUERY, old)

    assert refused.value.kind.status == 409


def test_a_cursor_tells_nothing() -> None:
    """Neither the provider nor the id stands in it, and two places have no bytes in common but by chance."""
    cursors = Cursors(SECRET, NOW.timestamp)
    raw, other = (urlsafe_b64decode(issued(cursors, name) + "==") for name in ("standby", "standbz"))

    assert b"standby" not in raw
    assert MEMORY.id.encode() not in raw
    assert sum(one == two for one, two in zip(raw, other, strict=True)) < len(raw) // 4
    assert issued(cursors) == issued(cursors)


def test_the_longest_cursor_is_short_enough() -> None:
    """With names as long as they may be."""
    query = replace(QUERY, owner=Owner("ö" * MAX_USER_ID_CHARS))
    text = Cursors(SECRET).after(MEMORY, "p" * 255, query)

    assert len(text) <= MAX_CURSOR_CHARS


def test_replicas_share_the_secret_with_the_pepper(tmp_path: Path) -> None:
    """By setting or by data folder; two services share nothing, and no secret is the pepper itself."""

    def secret_of(folder: str, **variables: str) -> bytes:
        environ = {"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": str(tmp_path / folder), **variables}
        settings = load(None, environ=environ).settings
        return cursor_secret(settings.auth, settings.data_dir)

    pepper = {"NINAI__AUTH__PEPPER": "p" * 32}

    assert secret_of("one", **pepper) == secret_of("other", **pepper)
    assert not (tmp_path / "one").exists()
    assert secret_of("one") == secret_of("one") != secret_of("other")
    assert secret_of("one") != (tmp_path / "one" / "keys.pepper").read_bytes()


def test_where_no_pepper_can_be_kept_a_process_follows_its_own_cursors(tmp_path: Path) -> None:
    """The service works all the same; the log says why its cursors hold nowhere else."""
    (tmp_path / "file").write_text("")
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": str(tmp_path / "file" / "data")}
    settings = load(None, environ=environ).settings
    with listened() as events:
        secrets = {cursor_secret(settings.auth, settings.data_dir) for _ in range(2)}

    assert len(secrets) == 2
    assert [event["event"] for event in events()] == ["cursor_secret_not_kept"] * 2
