"""No key, no hash of one and no pepper is seen anywhere: not in the log, in errors, metrics, pages or commands."""

import json
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from click.testing import CliRunner
from litestar import Litestar

from app.auth.failed_logins import FailedLogins
from app.auth.keys import hash_key
from app.cli import main
from app.settings.auth import KeySettings
from app.settings.masking import mask_for
from tests.support.api import Api, asgi_client, running_app
from tests.support.canary import Log, logged_into_memory
from tests.support.pages import Visitor

PEPPER = "canary-pepper-" + "p" * 32
SIGNS = "canary-signer-" + "s" * 32
OPS = "ninai_canary-ops"
PATHS = ["/memory/memories", "/memory/health", "/metrics", "/readyz", "/admin/providers", "/openapi.json", "/docs"]


@pytest.fixture
def log() -> Iterator[Log]:
    """Log everything into memory for the time of one test."""
    with logged_into_memory() as log:
        yield log


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A service with keys in the configuration and in the file, one of them rotated."""
    return {
        "MEMORY_PROVIDER": "mock",
        "NINAI__DATA_DIR": str(tmp_path / "data"),
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__PEPPER": PEPPER,
        "NINAI__AUTH__CONTEXT__GATE__SECRET": SIGNS,
        "NINAI__AUTH__CONTEXT__GATE__VERSION": "1",
        "NINAI__AUTH__KEYS__OPS__HASH": hash_key(OPS),
        "NINAI__AUTH__KEYS__OPS__SCOPES": "memory,admin",
        "NINAI__AUTH__KEYS__OPS__FORMER_HASH": hash_key("ninai_canary-former"),
    }


def keys(environ: dict[str, str], *arguments: str) -> str:
    """Run a command with this configuration, and return all that it says."""
    result = CliRunner(env=environ).invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def secrets(environ: dict[str, str], tmp_path: Path) -> list[str]:
    """Everything that must not be seen, as it is and as parts of it."""
    made = [json.loads(keys(environ, "keys", "new", "agent", "--json"))["key"]]
    made.append(json.loads(keys(environ, "keys", "rotate", "agent", "--json"))["key"])
    content = json.loads((tmp_path / "data" / "keys.json").read_text())
    filed = KeySettings(hash=content["keys"]["agent"]["hash"], former_hash=content["keys"]["agent"]["former_hash"])
    hashes = [*filed.hashes, environ["NINAI__AUTH__KEYS__OPS__HASH"], environ["NINAI__AUTH__KEYS__OPS__FORMER_HASH"]]
    parts = [*(key.split("_")[2] for key in made), *(text.rpartition(":")[2] for text in hashes)]
    return [PEPPER, OPS, *made, *parts, SIGNS]


@pytest_asyncio.fixture
async def app(environ: dict[str, str], secrets: list[str], log: Log) -> AsyncIterator[Litestar]:
    """The service, which logs everything."""
    assert secrets
    assert log.stream.writable()
    async with running_app(environ) as opened:
        opened.state.failed_logins = FailedLogins(count(step=1_000).__next__)  # long ago each time, so nothing waits
        yield opened


@pytest.mark.thorough
async def test_nothing_tells_a_secret(
    app: Litestar, environ: dict[str, str], secrets: list[str], log: Log, tmp_path: Path
) -> None:
    """Right and wrong, whole, cut and doubled keys on every kind of route; the console, and every command."""
    seen: list[httpx.Response] = []
    async with asgi_client(app) as http:
        for key in [*secrets[1:4], *(f"{key}x" for key in secrets), *(key[:-2] for key in secrets)]:
            for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": key}):
                seen += [await http.get(path, headers={**headers, "X-User-ID": "alice"}) for path in PATHS]
        both = {"X-API-Key": secrets[2], "Authorization": f"Bearer {secrets[3]}"}
        seen.append(await http.get("/memory/memories", headers=both))
        await Api(http, "alice", {"X-API-Key": secrets[3]}).stored("tea")
        visitor = Visitor(http)
        seen += [(await visitor.log_in(key)).response for key in (secrets[0], secrets[2])]
        seen.append((await visitor.log_in(OPS)).response)
        seen += [(await visitor.look(path)).response for path in ("/console", "/console/configuration")]
    (tmp_path / "data" / "keys.json").write_text(f'{{"keys": {{"agent": {{"hash": "{secrets[3]}"}}}}}}')
    broken = CliRunner(env=environ).invoke(main, ["keys", "list"]).output
    said = [
        log.text(),
        broken,
        keys(environ, "config", "show"),
        keys(environ, "config", "show", "--json"),
        *(f"{answer.text} {answer.headers}" for answer in seen),
    ]

    assert {answer.status_code for answer in seen} >= {200, 400, 401, 403}
    assert "not a file of keys" in broken
    told = [(secret, text) for text in said for secret in secrets if secret in text]
    assert [(secret, text[max(0, text.find(secret) - 200) :][:400]) for secret, text in told] == []
    assert mask_for(app.state.settings)(f"a {PEPPER} b") == "a ******** b"
