"""Memories forgotten on the console."""

import pytest

from tests.support.api import ABSENT_ID, Api, asgi_client, fresh_user, running_app
from tests.support.chains import two_providers, wait_until_complete
from tests.support.pages import Page, Visitor

pytestmark = pytest.mark.thorough


@pytest.fixture
def api(visitor: Visitor) -> Api:
    """A user with memories."""
    return Api(visitor.http, fresh_user())


async def question(visitor: Visitor, user: str, memory_id: str) -> Page:
    """The page that asks for confirmation, as the memory's own page leads there."""
    page = await visitor.look("/console/memory", params={"user": user, "id": memory_id})
    [link] = [given["href"] for tag, given in page.tags if tag == "a" and "/forget?" in given.get("href", "")]
    return await visitor.look(link)


async def test_a_memory_is_forgotten_after_a_question(visitor: Visitor, api: Api) -> None:
    """The list then says so, and the question alone deletes nothing."""
    kept, memory_id = await api.stored("kept"), await api.stored("forgotten")

    asked = await question(visitor, api.user, memory_id)
    before = await api.get(memory_id)
    done = await visitor.send(asked.form("/console/forget"))

    assert "nothing brings it back" in asked.text
    assert before.status_code == 200
    assert f"The memory {memory_id} is deleted for good." in done.text
    assert "kept" in done.text
    assert "forgotten" not in done.text
    assert [(await api.get(one)).status_code for one in (memory_id, kept)] == [404, 200]
    again = await visitor.look("/console/memories", params={"user": api.user})
    assert "deleted for good" not in again.text


async def test_what_is_not_deleted_everywhere_yet_is_told(visitor: Visitor, api: Api) -> None:
    """While home is down no reader sees it, and home deletes it later."""
    memory_id = await api.stored("forgotten")
    asked = await question(visitor, api.user, memory_id)
    await visitor.http.put("/admin/providers/a/breaker", json={"state": "open"})

    done = await visitor.send(asked.form("/console/forget"))

    assert "not deleted everywhere yet" in done.text
    assert (await api.get(memory_id)).status_code == 404


async def test_a_form_without_the_token_forgets_nothing(visitor: Visitor, api: Api) -> None:
    """As with the console's other actions."""
    memory_id = await api.stored("kept")
    form = (await question(visitor, api.user, memory_id)).form("/console/forget")

    forged = await visitor.post(form, token="x")
    foreign = await visitor.post(form, {"Origin": "http://evil.example"})

    assert (forged.status_code, foreign.status_code) == (403, 403)
    assert (await api.get(memory_id)).status_code == 200


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"id": ABSENT_ID}, 404, "There is no such memory"),
        ({"id": "7"}, 422, "memory_id: must be a UUID"),
        ({"user": "*"}, 422, "user_id: must not be '*'"),
        ({"tenant": "acme"}, 403, "is not served here"),
        ({"further": "1"}, 422, "further: is not a known field"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    visitor: Visitor, api: Api, fields: dict[str, str], status: int, reason: str
) -> None:
    """In words, on a page."""
    memory_id = await api.stored("kept")
    form = (await question(visitor, api.user, memory_id)).form("/console/forget")

    page = await visitor.send(form, **fields)

    assert page.status == status
    assert reason in page.text
    assert (await api.get(memory_id)).status_code == 200


@pytest.mark.thorough
async def test_a_service_that_takes_no_writes_forgets_nothing(tmp_path: object) -> None:
    """The page says why, and for how long."""
    async with running_app(two_providers(tmp_path)) as app, asgi_client(app) as http:  # type: ignore[arg-type]
        await wait_until_complete(http)
        api, visitor = Api(http, "alice"), Visitor(http)
        memory_id = await api.stored("kept")
        asked = await question(visitor, "alice", memory_id)
        await http.put("/admin/mode", json={"mode": "read_only", "reason": "moving house", "retry_after": 60})

        page = await visitor.send(asked.form("/console/forget"))

        assert page.status == 503
        assert "moving house" in page.text
        assert (await api.get(memory_id)).status_code == 200
