"""The configuration as the console shows it."""

import asyncio
from pathlib import Path

from app.reloading.reloader import Reloader
from tests.support.api import asgi_client, running_app
from tests.support.following import eventually, following_app
from tests.support.pages import Visitor

TOML = """
order = ["a"]
recall_limit = 7
[providers.a]
kind = "mock"
[providers.other]
kind = "mem0"
api_key = "a very secret key"
"""


async def test_every_setting_is_shown_with_its_origin(tmp_path: Path) -> None:
    """As `ninai config show` does, secrets masked."""
    file = tmp_path / "ninai.toml"
    file.write_text(TOML)
    environ = {"NINAI__DATA_DIR": str(tmp_path / "data"), "NINAI__SERVER__PORT": "9000"}
    async with following_app(environ, file) as app, asgi_client(app) as http:
        page = await Visitor(http).look("/console/configuration")

    assert f'order ["a"] {file}' in page.text
    assert f"recall_limit 7 {file}" in page.text
    assert "server.port 9000 NINAI__SERVER__PORT" in page.text
    assert "server.workers 1 default" in page.text
    assert f'providers.other.api_key "********" {file}' in page.text
    assert "secret key" not in page.response.text


async def test_what_was_changed_is_shown_alone(tmp_path: Path) -> None:
    """In groups, as all of them are; another wish is refused."""
    file = tmp_path / "ninai.toml"
    file.write_text(TOML)
    async with following_app({"NINAI__DATA_DIR": str(tmp_path / "data")}, file) as app, asgi_client(app) as http:
        visitor = Visitor(http)
        changed = (await visitor.look("/console/configuration?show=changed")).text
        whole = (await visitor.look("/console/configuration")).text
        refused = await visitor.look("/console/configuration?show=none")

    assert f'general order ["a"] {file}' in changed
    assert "server.workers" not in changed
    assert "server server.host" in whole
    assert refused.status == 422


async def test_a_refused_change_is_told_with_its_reason(tmp_path: Path) -> None:
    """On both pages; what is shown goes on to be what is in force."""
    file = tmp_path / "ninai.toml"
    file.write_text(TOML)
    async with following_app({"NINAI__DATA_DIR": str(tmp_path / "data")}, file) as app, asgi_client(app) as http:
        visitor = Visitor(http)
        before = (await visitor.look()).text
        file.write_text(TOML.replace("7", "7000"))
        reloader: Reloader = app.state.reloader
        reloader.wake()
        await eventually(lambda: _told(reloader.refused_for is not None))
        pages = [await visitor.look(path) for path in ("/console", "/console/configuration")]

    assert "and accepted." in before
    for page in pages:
        assert "$.recall_limit: expected int <= 1000, got 7000" in page.text
    assert "recall_limit 7 " in pages[1].text


async def test_what_waits_for_a_restart_is_told(tmp_path: Path) -> None:
    """Beside what is in force, what would be."""
    file = tmp_path / "ninai.toml"
    file.write_text(TOML)
    async with following_app({"NINAI__DATA_DIR": str(tmp_path / "data")}, file) as app, asgi_client(app) as http:
        file.write_text(TOML.replace("7", "8") + "[log]\nlevel = 'error'")
        reloader: Reloader = app.state.reloader
        reloader.wake()
        await eventually(lambda: _told(bool(reloader.for_restart)))
        page = await Visitor(http).look("/console/configuration")

    assert "recall_limit 8 " in page.text
    assert 'log.level "info" after a restart: "error"' in page.text
    assert "1 changed settings take effect at a restart" in page.text


async def test_an_order_of_the_api_names_who_has_set_it(tmp_path: Path) -> None:
    """The configured one is not in force then."""
    environ = {
        "NINAI__DATA_DIR": str(tmp_path),
        "NINAI__ORDER": "a,b",
        "NINAI__PROVIDERS__A__KIND": "mock",
        "NINAI__PROVIDERS__B__KIND": "mock",
    }
    async with running_app(environ) as app, asgi_client(app) as http:
        assert (await http.put("/admin/providers/order", json={"order": ["b", "a"]})).status_code == 200
        page = await Visitor(http).look("/console/configuration")

    assert 'order ["b", "a"] set by anonymous, 20' in page.text


async def _told(truth: bool) -> bool:  # noqa: FBT001 - what is waited for
    await asyncio.sleep(0)
    return truth
