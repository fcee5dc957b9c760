"""What each dialect sends and takes: keys, signatures, pages, work put off, and whose a memory is."""

import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import unquote
from uuid import uuid4

import pytest

from providers.errors import Misconfigured, Unavailable
from providers.mem0.codec import mark_of
from providers.mem0.dialects.answers import NIL
from providers.mem0.dialects.base import MAX_FRESH_STARTS
from providers.mem0.dialects.oss import PARTITIONS, partition_of
from providers.mem0.dialects.spec import OVERLAP, PAGE_SIZE
from providers.mem0.names import name_of
from providers.owners import Owner
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0 import DIALECTS, HMAC_SECRET, KEY, SERVERS, OssServer, opened, speaking
from tests.support.mem0_memories import Answer, Request
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer

ODD = ["anna", "an na*", "%20", "\u3000é", "安娜/😀?&#", "quote\"'\\", "x" * 256]


@pytest.mark.parametrize("user", ODD)
async def test_the_specifications_calls_are_signed_for_their_user(user: str) -> None:
    """Each call names its user in ASCII and proves it by the HMAC-SHA256 of `user:` and that name."""
    name = name_of(Owner(user))
    expected = hmac.new(HMAC_SECRET.encode(), f"user:{name}".encode(), hashlib.sha256).hexdigest()
    async with SERVERS["spec"]() as server, speaking(server.base_url, "spec") as dialect:
        (item_id,) = await dialect.add(name, NIL, "tea", {})
        assert [item.text for item in (await dialect.everything(name)).items] == ["tea"]
        assert [item.text for item in await dialect.search(name, "tea", 5)] == ["tea"]
        found = await dialect.fetch(name, item_id)
        await dialect.remove(name, item_id)

        assert found is not None
        assert len(server.requests) == 5
        for request in server.requests:
            assert request.headers["x-user-context"].isascii()
            assert unquote(request.headers["x-user-context"]) == name
            assert request.headers["x-signature"] == expected


@pytest.mark.parametrize(("dialect", "own"), [("spec", f"Bearer {KEY}"), ("oss", None), ("platform", f"Token {KEY}")])
async def test_each_dialect_shows_its_key_in_its_own_way(dialect: str, own: str | None) -> None:
    """A key goes into one header, since a second one beside it poisons the call."""
    async with SERVERS[dialect]() as server, speaking(server.base_url, dialect) as speaker:
        await speaker.add("anna", NIL, "tea", {})
        await speaker.search("anna", "tea", 5)

        for request in server.requests:
            assert request.headers.get("authorization") == own
            assert request.headers.get("x-api-key") == (KEY if dialect == "oss" else None)
            assert ("x-signature" in request.headers) == (dialect == "spec")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_without_keys_none_is_shown(dialect: str) -> None:
    """Without a key no header for it is sent."""
    async with SERVERS[dialect]() as server:
        async with opened(server.base_url, dialect, api_key=None, hmac_secret=None) as provider:
            with pytest.raises(Misconfigured):
                await provider.list_memories("anna")

        assert not server.requests[0].headers.keys() & {"authorization", "x-api-key", "x-signature", "x-user-context"}


@pytest.mark.parametrize(
    ("dialect", "path"), [("spec", "/v1/memories/%s/"), ("oss", "/memories/%s"), ("platform", "/v1/memories/%s/")]
)
async def test_an_id_stays_one_part_of_the_path(dialect: str, path: str) -> None:
    """An id that a server has made up cannot turn the delete of one into the delete of all."""
    async with FickleHttp("http://127.0.0.1:9") as fickle, speaking(fickle.base_url, dialect) as speaker:
        await fickle.become(Behaviour.STATUS, status=200, body=b"{}")
        await speaker.remove("anna", "../memories?user_id=*#")

        assert fickle.requests[0].path.partition("?")[0] == path.replace("%s", "..%2Fmemories%3Fuser_id%3D%2A%23")


@pytest.mark.parametrize("dialect", ["oss", "platform"])
async def test_what_belongs_to_no_user_is_nobodys(dialect: str) -> None:
    """A memory that mem0 holds for an agent alone is not returned to a user that knows its id, nor deleted for it."""
    async with SERVERS[dialect]() as server, opened(server.base_url, dialect) as provider:
        foreign = server.memories.add({"agent_id": "robot"}, "a secret of the robot", None)

        assert await provider.snapshot(Owner("anna"), foreign.id) is None
        assert await provider.delete("anna", foreign.id) is False
        assert server.memories.get(foreign.id) is not None


class ShrinkingPlatform(PlatformServer):
    """Where somebody deletes a memory whenever the first page has been given, as often as that."""

    def __init__(self, place: int, times: int) -> None:
        super().__init__(api_key=KEY)
        self._place = place
        self._times = times

    async def answer(self, request: Request) -> Answer:
        """Answer first, delete then."""
        answer = await super().answer(request)
        if request.query.get("page") == "1" and self._times:
            self._times -= 1
            self.memories.remove(list(self.memories)[self._place].id)
        return answer


@pytest.mark.parametrize("place", [0, 199, -1])
@pytest.mark.parametrize(
    ("many", "times", "whole", "calls"),
    [(201, 1, True, 3), (450, 1, True, 5), (450, 3, True, 9), (450, 99, False, 9), (204, 99, False, 8)],
)
async def test_a_list_of_pages_that_shrinks_is_read_anew(
    *, place: int, many: int, times: int, whole: bool, calls: int
) -> None:
    """What nobody has deleted is on the list, wherever it moved meanwhile; a list that never rests is not whole."""
    async with ShrinkingPlatform(place, times) as server, speaking(server.base_url, "platform") as dialect:
        for number in range(many):
            server.memories.add({"user_id": "anna"}, f"tea {number}", None)
        listing = await dialect.everything("anna")

        assert (listing.whole, len(server.requests)) == (whole, calls)
        assert not whole or {memory.id for memory in server.memories} <= {item.id for item in listing.items}


class BusySpec(SpecServer):
    """Where the newest memories are deleted, and others stored, whenever the first page has been given."""

    def __init__(self, deleted: int, stored: int, times: int) -> None:
        super().__init__(api_key=KEY, hmac_secret=HMAC_SECRET)
        self._deleted = deleted
        self._stored = stored
        self._times = times

    async def answer(self, request: Request) -> Answer:
        """Answer first, change then."""
        answer = await super().answer(request)
        if request.query.get("offset") == "0" and self._times:
            self._times -= 1
            for memory in list(self.memories)[: self._deleted]:
                self.memories.remove(memory.id)
            for number in range(self._stored):
                self.memories.add({"user_id": "anna"}, f"coffee {number}", None)
        return answer


@pytest.mark.parametrize(
    ("many", "calls"),
    [(PAGE_SIZE - 1, 1), (PAGE_SIZE, 2), (2 * PAGE_SIZE - OVERLAP - 1, 2), (2 * PAGE_SIZE - OVERLAP, 3)],
)
async def test_the_specification_is_read_to_the_last_page(many: int, calls: int) -> None:
    """Every memory is listed once, wherever the last page ends."""
    async with SERVERS["spec"]() as server, speaking(server.base_url, "spec") as dialect:
        for number in range(many):
            server.memories.add({"user_id": "anna"}, f"tea {number}", None)
        listing = await dialect.everything("anna")

        assert (listing.whole, len(server.requests)) == (True, calls)
        assert sorted(item.text for item in listing.items) == sorted(f"tea {number}" for number in range(many))


@pytest.mark.parametrize(
    ("deleted", "stored", "times", "whole", "calls"),
    [
        (1, 0, 1, True, 2),
        (OVERLAP - 1, 0, 1, True, 2),
        (OVERLAP, 0, 1, True, 4),
        (0, 400, 1, True, 2),
        (OVERLAP, OVERLAP, 99, True, 2),
        (OVERLAP, 0, 99, False, 2 * (1 + MAX_FRESH_STARTS)),
    ],
)
async def test_a_list_by_offset_passes_nothing_over(
    *, deleted: int, stored: int, times: int, whole: bool, calls: int
) -> None:
    """What was there all the time is on the list, wherever it moved meanwhile; a list that never rests is not whole."""
    async with BusySpec(deleted, stored, times) as server, speaking(server.base_url, "spec") as dialect:
        for number in range(PAGE_SIZE + 500):
            server.memories.add({"user_id": "anna"}, f"tea {number}", None)
        listing = await dialect.everything("anna")

        left = {memory.id for memory in server.memories if memory.text.startswith("tea")}
        assert (listing.whole, len(server.requests)) == (whole, calls)
        assert not whole or left <= {item.id for item in listing.items}
        assert len(listing.items) == len({item.id for item in listing.items})


@pytest.mark.parametrize("many", [0, 1, 199, 200, 201, 450])
async def test_the_platform_is_read_to_the_last_page(many: int) -> None:
    """Every memory is listed once, whatever the order of the pages, with a run and without."""
    async with PlatformServer(api_key=KEY, page_order="shuffled") as server:
        for number in range(many):
            run = {"run_id": str(uuid4())} if number % 2 else {}
            server.memories.add({"user_id": "anna", **run}, f"tea {number}", None)
        async with speaking(server.base_url, "platform") as dialect:
            listing = await dialect.everything("anna")

        assert sorted(item.text for item in listing.items) == sorted(f"tea {number}" for number in range(many))
        assert len(server.requests) == max(1, -(-many // 200))


@pytest.mark.parametrize("implicit_null", [False, True])
async def test_the_platform_finds_what_has_a_run(*, implicit_null: bool) -> None:
    """Whether or not a filter on the user alone leaves out what has a run, ours is listed, searched and found."""
    async with PlatformServer(api_key=KEY, implicit_null=implicit_null) as server:
        async with speaking(server.base_url, "platform") as dialect:
            await dialect.add("anna", NIL, "tea", mark_of(NIL))
            found = [(await dialect.everything("anna")).items, await dialect.search("anna", "tea", 9)]
            found.append(await dialect.find(["anna"], NIL))

        assert [[item.text for item in items] for items in found] == [["tea"]] * 3


async def oss_listing(scopes: Iterable[dict[str, str]]) -> tuple[int, bool, int]:
    """How many different memories are listed of a user who has them under these scopes, whether all, how many calls."""
    async with OssServer() as server, speaking(server.base_url, "oss") as dialect:
        for number, scope in enumerate(scopes):
            server.memories.add({"user_id": "anna", **scope}, f"tea {number}", None)
        listing = await dialect.everything("anna")
        return len({item.text for item in listing.items}), listing.whole, len(server.requests)


async def test_up_to_a_thousand_are_listed_at_once() -> None:
    """As long as one call returns everything, there is one call."""
    assert await oss_listing({} for _ in range(999)) == (999, True, 1)


async def test_more_than_a_thousand_are_listed_by_drawers() -> None:
    """What came through here is listed whole although mem0 lists a thousand at most."""
    keys = [str(uuid4()) for _ in range(1_500)]
    scopes = [{"run_id": key, "agent_id": partition_of(key)} for key in keys]

    assert await oss_listing(scopes) == (1_500, True, 1 + len(PARTITIONS))


async def test_a_full_drawer_is_not_taken_for_everything() -> None:
    """A user with more than a partition can list gets a list that is said to lack something."""
    *_, whole, _ = await oss_listing({"agent_id": PARTITIONS[7]} for _ in range(1_100))

    assert not whole


async def test_what_lies_in_no_drawer_is_not_taken_for_everything() -> None:
    """Of more than a thousand that others have put in, some are missing, and that is known."""
    listed, whole, _ = await oss_listing({} for _ in range(1_100))

    assert (listed, whole) == (1_000, False)


async def test_an_add_that_stores_nothing_is_no_success() -> None:
    """A memory is stored when mem0 returns an id for it, and not before."""
    async with OssServer() as server, opened(server.base_url, "oss") as provider:
        await provider.remember("anna", "tea")
        server.say_next(Answer(200, {"results": []}))
        with pytest.raises(Unavailable) as caught:
            await provider.remember("anna", "coffee")

    assert caught.value.ambiguous
