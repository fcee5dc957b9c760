"""Users as an operator finds them on the console."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.keys import hash_key
from app.console.browser.finding import USERS
from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.pages import Page, Visitor

KEYS = {name: f"ninai_{name}_browses" for name in ("everybody", "acme", "some")}
SCOPES = '["admin", "admin:memories", "memory"]'


@pytest_asyncio.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Litestar]:
    """An application with users of two tenants, and a key for all of them, for one tenant, and for some users."""
    folder: Path = tmp_path_factory.mktemp("users")
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__AUTH__MODE": "api_key", "NINAI__TENANTS__ENABLED": "true"}
    environ |= {f"NINAI__AUTH__KEYS__{name.upper()}__HASH": hash_key(key) for name, key in KEYS.items()}
    environ |= {f"NINAI__AUTH__KEYS__{name.upper()}__SCOPES": SCOPES for name in KEYS}
    environ |= {"NINAI__AUTH__KEYS__ACME__TENANT": "acme", "NINAI__AUTH__KEYS__SOME__USER_PREFIX": "team-"}
    async with running_app({**environ, "NINAI__DATA_DIR": str(folder)}) as opened, asgi_client(opened) as http:
        for user in ("anna", "bob", "bobby", "team-a", "zoë \u202e", "\U0010ffff"):
            await memory(http, "everybody", user)
        for user in ("bob", "carl", "team-z"):
            await memory(http, "acme", user)
        yield opened


async def memory(http: object, key: str, user: str) -> None:
    """Store a memory of a user."""
    headers = {"Authorization": f"Bearer {KEYS[key]}"}
    named = {"content": f"about {user}", "user_id": user}
    response = await http.post("/memory/remember", json=named, headers=headers)  # type: ignore[attr-defined]
    assert response.status_code == 200, response.text


async def found(app: Litestar, key: str, **asked: str) -> list[str]:
    """The users that are listed for the holder of a key, each behind its tenant where that is shown."""
    async with asgi_client(app) as http:
        http.headers["Authorization"] = f"Bearer {KEYS[key]}"
        page = await Visitor(http).look("/console/users", params=asked)
    assert page.status == 200, page.text
    return users_on(page)


def users_on(page: Page) -> list[str]:
    """The users that a page leads to."""
    return [given["href"].partition("?")[2] for tag, given in page.tags if tag == "a" and "memories?" in given["href"]]


def of(tenant: str, *users: str) -> list[str]:
    """What leads to users."""
    return [f"tenant={tenant}&user={user}" for user in users]


async def test_all_are_listed_by_tenant_and_name(app: Litestar) -> None:
    """Those of all tenants, for whoever may see all of them."""
    assert await found(app, "everybody") == [
        *of("acme", "bob", "carl", "team-z"),
        *of("default", "anna", "bob", "bobby", "team-a", "zo%C3%AB+%E2%80%AE", "%F4%8F%BF%BF"),
    ]


async def test_a_beginning_is_that_of_one_tenants_users(app: Litestar) -> None:
    """The default one's unless another is named; the user who is called so is the first."""
    assert await found(app, "everybody", prefix="bob") == of("default", "bob", "bobby")
    assert await found(app, "everybody", prefix="bo") == of("default", "bob", "bobby")
    assert await found(app, "everybody", prefix="bobb") == of("default", "bobby")
    assert await found(app, "everybody", prefix="\U0010ffff") == of("default", "%F4%8F%BF%BF")
    assert await found(app, "everybody", prefix="none") == []
    assert await found(app, "everybody", tenant="acme", prefix="b") == of("acme", "bob")
    assert await found(app, "everybody", tenant="acme") == of("acme", "bob", "carl", "team-z")
    assert await found(app, "everybody", tenant="default", prefix="anna") == of("default", "anna")


async def test_a_tenant_that_is_the_default_one_is_listed_alone(app: Litestar) -> None:
    """Although the keys of its users have no mark of it."""
    assert (await found(app, "everybody", tenant="default"))[0] == "tenant=default&user=anna"


async def test_a_key_finds_those_that_it_speaks_for_alone(app: Litestar) -> None:
    """Of its tenant, or of its users, who have namesakes elsewhere."""
    assert await found(app, "acme") == of("acme", "bob", "carl", "team-z")
    assert await found(app, "acme", tenant="default") == of("acme", "bob", "carl", "team-z")
    assert await found(app, "some") == of("default", "team-a")
    assert await found(app, "some", tenant="acme") == of("default", "team-a")


@pytest.mark.parametrize(
    ("key", "asked", "status"),
    [
        ("acme", {"tenant": "default", "user": "bob"}, 403),
        ("acme", {"tenant": "acme", "user": "bob"}, 200),
        ("acme", {"user": "bob"}, 200),
        ("some", {"user": "bob"}, 403),
        ("some", {"user": "team-a"}, 200),
        ("some", {"tenant": "acme", "user": "team-z"}, 403),
        ("everybody", {"tenant": "acme", "user": "bob"}, 200),
        ("everybody", {"tenant": "no tenant", "user": "bob"}, 422),
    ],
)
async def test_a_key_reads_those_that_it_finds(app: Litestar, key: str, asked: dict[str, str], status: int) -> None:
    """And nobody else, by any page."""
    async with asgi_client(app) as http:
        http.headers["Authorization"] = f"Bearer {KEYS[key]}"
        pages = [await http.get(f"/console/{path}", params=asked) for path in ("memories", "export")]

    assert [page.status_code for page in pages] == [status, status]


@pytest.mark.parametrize(
    "asked", [{"prefix": " "}, {"prefix": "x" * 257}, {"tenant": "a b"}, {"after": "x" * 323}, {"prefix": "a\x00"}]
)
async def test_what_no_user_can_begin_with_is_refused(app: Litestar, asked: dict[str, str]) -> None:
    """In words, above the form."""
    async with asgi_client(app) as http:
        http.headers["Authorization"] = f"Bearer {KEYS['everybody']}"
        page = await Visitor(http).look("/console/users", params=asked)

    assert page.status == 422
    assert "must" in page.text
    assert page.form("/console/users").method == "get"


async def test_a_name_that_turns_the_page_round_is_written_out(app: Litestar) -> None:
    """As texts are."""
    async with asgi_client(app) as http:
        http.headers["Authorization"] = f"Bearer {KEYS['everybody']}"
        page = await Visitor(http).look("/console/users", params={"prefix": "zo"})

    assert "zoë U+202E" in page.text
    assert "\u202e" not in page.response.text


async def test_pages_of_users_follow_each_other(visitor: Visitor) -> None:
    """Every user is on one of them."""
    begin = fresh_user()
    users = [f"{begin}-{number:03}" for number in range(USERS + 1)]
    for user in users:
        await Api(visitor.http, user).stored("a memory")

    page = await visitor.look("/console/users", params={"prefix": begin})
    [link] = [given["href"] for tag, given in page.tags if tag == "a" and "after=" in given.get("href", "")]
    rest = await visitor.look(link)

    assert [one.rpartition("=")[2] for one in users_on(page) + users_on(rest)] == users
    assert len(users_on(page)) == USERS
    assert "Next users" not in rest.text
