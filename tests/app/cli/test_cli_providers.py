"""`ninai providers` asks a running service how its providers are."""

import json
import os
import pty
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from app.auth.keys import hash_key, new_key
from app.cli import main
from observability.recent import SHARED_SECONDS
from tests.support.chains import two_providers
from tests.support.postgres import reachable_folder
from tests.support.service import NINAI, Service, environment, running_service

MEMORIES = 50
OPS, PLAIN = new_key("one"), new_key("two")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A live service over two providers, which asks for keys."""
    keys = {
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__OPS__HASH": hash_key(OPS),
        "NINAI__AUTH__KEYS__OPS__SCOPES": "admin",
        "NINAI__AUTH__KEYS__PLAIN__HASH": hash_key(PLAIN),
        "NINAI__AUTH__KEYS__PLAIN__USER": "alice",
        "NINAI__RETENTION__RULES": '[{"name": "old", "keep_days": 365}]',
    }
    with reachable_folder() as folder, running_service(folder, two_providers(folder / "data") | keys) as started:
        yield started


@pytest.fixture
def newcomer() -> Iterator[Service]:
    """A live service whose second provider has not received everything yet, and does not until it is let."""
    with reachable_folder() as folder, running_service(folder, two_providers(folder / "data")) as started:
        let_be_filled(started, state="open")
        body = {"memories": [{"content": f"tea {number}"} for number in range(MEMORIES)]}
        httpx.post(f"{started.url}/memory/remember/batch", json=body, trust_env=False).raise_for_status()
        time.sleep(SHARED_SECONDS)  # until how many there are is looked up anew
        yield started


def let_be_filled(service: Service, *, state: str = "auto") -> None:
    """Leave the second provider to its breaker, or keep everybody from it."""
    url = f"{service.url}/admin/providers/b/breaker"
    httpx.put(url, json={"state": state}, trust_env=False).raise_for_status()


class Other(BaseHTTPRequestHandler):
    """A web server that is not ours: a page, or a way to somewhere else."""

    visits: list[str]

    def do_GET(self) -> None:
        """Answer as `visits` is kept: the first visit is led on, the second gets a page."""
        self.visits.append(self.path)
        self.send_response(302 if self.path.startswith("/moved") else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(b"<h1>hello</h1>")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def other_server() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths it was asked for."""
    visits: list[str] = []
    handler = type("Visited", (Other,), {"visits": visits})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", visits
        server.shutdown()
        thread.join()


def providers(url: str, *options: str | Path, key: str | None = None) -> Result:
    """Run the command, with a key in the environment if one is given."""
    arguments = ["providers", "--url", url, *map(str, options)]
    return CliRunner().invoke(main, arguments, env={"NINAI_API_KEY": key})


def columns(result: Result) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in result.stdout.splitlines()]


def test_the_table_tells_how_each_provider_is(service: Service) -> None:
    """A line for each, in their order; when everybody has everything there is nothing more to say."""
    watched = providers(service.url, "--watch", key=OPS)
    result = providers(service.url, key=OPS)

    assert (watched.exit_code, result.exit_code, result.stderr) == (0, 0, "")
    lines = columns(result)
    assert [line[:7] for line in lines] == [
        ["provider", "role", "breaker", "pending", "oldest", "dead", "epoch"],
        ["a", "home", "closed", "0", "-", "0", "1"],
        ["b", "standby", "closed", "0", "-", "0", "1"],
    ]
    assert [line[7] == "mark" or line[7].isdigit() for line in lines] == [True, True, True]
    assert [line[8] == "patience" or line[9] == "s" for line in lines] == [True, True, True]


def test_a_breaker_that_is_not_closed_is_explained(service: Service) -> None:
    """What an operator forced, and why, stands below the table."""
    path = f"{service.url}/admin/providers/b/breaker"
    headers = {"X-API-Key": OPS}
    httpx.put(path, json={"state": "open", "reason": "disk swap"}, headers=headers, trust_env=False).raise_for_status()

    result = providers(service.url, key=OPS)

    httpx.put(path, json={"state": "auto"}, headers=headers, trust_env=False).raise_for_status()
    assert result.stdout.splitlines()[-1] == "b: the breaker is forced_open: forced by ops: disk swap"


def test_json_is_what_the_service_tells(service: Service) -> None:
    """Programs get the status of the chain as it is."""
    told = json.loads(providers(service.url, "--json", key=OPS).stdout)

    assert (told["order"], told["home"]) == (["a", "b"], "a")
    assert [one["name"] for one in told["providers"]] == ["a", "b"]


def test_a_key_may_stand_in_a_file(service: Service, tmp_path: Path) -> None:
    """The file goes before the variable, and the end of its line does not count."""
    file = tmp_path / "key"
    file.write_text(OPS + "\n")

    assert providers(service.url, "--key-file", file, key=PLAIN).exit_code == 0


def test_the_end_of_a_line_is_no_part_of_a_key(service: Service) -> None:
    """A variable that was filled from a file holds the key all the same."""
    assert providers(service.url, key=OPS + "\n").exit_code == 0


@pytest.mark.parametrize("key", ["secret\nkey", "secret\x07key", "secret-\u0b95", "secret\udcff"])
def test_a_key_that_no_header_can_carry_is_not_quoted(key: str) -> None:
    """What is wrong with it is told without it."""
    result = providers("http://127.0.0.1:1", key=key)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: the API key cannot be sent: expected printable ASCII, as a header can carry\n"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "401 Send an API key: Authorization: Bearer KEY"),
        (new_key("test"), "401 This API key is not known"),
        (PLAIN, '403 This API key lacks the scope "admin:read"'),
    ],
    ids=["none", "unknown", "without the scope"],
)
def test_a_refusal_is_told_in_the_words_of_the_service(service: Service, key: str | None, said: str) -> None:
    """What is wrong with a key is for the service to say."""
    result = providers(service.url + "/", key=key)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {service.url}/admin/providers: {said}\n"


@pytest.mark.thorough
def test_watching_ends_when_everybody_has_everything(newcomer: Service) -> None:
    """Lines tell how far it is, and the table at the end that it is done."""
    before = providers(newcomer.url)

    let_be_filled(newcomer)
    result = providers(newcomer.url, "--watch")

    assert before.stdout.splitlines()[-1].startswith("b ")
    assert [line[1] for line in columns(before)[1:3]] == ["home", "filling"]
    assert [line[1] for line in columns(result)[1:]] == ["home", "standby"]
    assert result.stderr.splitlines()[-1] == "all providers have received everything"


@pytest.mark.thorough
def test_a_terminal_gets_a_bar(newcomer: Service) -> None:
    """On a terminal the filling is drawn, beside an output that programs may read."""
    outside, terminal = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        [NINAI, "providers", "--url", newcomer.url, "--watch", "--json"],
        env=environment(TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as command:
        os.close(terminal)
        drawn = os.read(outside, 100_000)
        let_be_filled(newcomer)
        told, _ = command.communicate(timeout=60)
    drawn += os.read(outside, 100_000)
    os.close(outside)

    assert command.returncode == 0
    assert [one["role"] for one in json.loads(told)["providers"]] == ["home", "standby"]
    assert b"b is about to be filled" in drawn or b"b waits: b is left alone" in drawn
    assert b"100%" in drawn


def test_where_nobody_listens_that_is_said() -> None:
    """One line, exit code 1."""
    result = providers("http://127.0.0.1:1")

    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        result.stderr
        == "Error: no answer from http://127.0.0.1:1: [Errno 111] Connection refused; --url names another service\n"
    )


def test_watching_waits_for_a_service_that_is_starting() -> None:
    """The command may be called before the service, and retries until that listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        subprocess.Popen(  # noqa: S603 - our own command
            [NINAI, "providers", "--url", f"http://127.0.0.1:{port}", "--watch"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as command,
        reachable_folder() as folder,
        running_service(folder, {"MEMORY_PROVIDER": "mock"}, port),
    ):
        told, complaints = command.communicate(timeout=60)

    assert (command.returncode, complaints) == (0, "")
    assert told.splitlines()[1].split()[:3] == ["mock", "home", "closed"]


def test_something_else_is_told_as_such() -> None:
    """A page of another server is no status; a key is not carried along to where it leads."""
    with other_server() as (url, visits):
        page = providers(url)
        moved = providers(f"{url}/moved", key=OPS)

    assert (page.exit_code, moved.exit_code) == (1, 1)
    assert page.stderr.startswith(f"Error: {url}/admin/providers sent an answer that this version cannot read: ")
    assert moved.stderr == f"Error: {url}/moved/admin/providers: 302 Found\n"
    assert visits == ["/admin/providers", "/moved/admin/providers"]


@pytest.mark.parametrize("url", ["ftp://h", "127.0.0.1:8000", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    """Exit code 2, as with every option."""
    result = providers(url)

    assert result.exit_code == 2
    assert "must begin with http:// or https://" in result.stderr


@pytest.mark.parametrize("url", ["http://[", "http://me:[secret]@h", "http://a..b"])
def test_an_address_that_cannot_be_read_is_a_usage_error(url: str) -> None:
    """It is not quoted: a password may stand in it."""
    result = providers(url)

    assert result.exit_code == 2
    assert "Invalid value for '--url': not the URL of a server" in result.stderr
    assert "secret" not in result.stderr


def test_a_plan_of_retention_is_shown(service: Service) -> None:
    """Of all users, page by page; whoever is no operator is refused."""

    def plan(*arguments: str, key: str = OPS) -> Result:
        command = ["retention", "plan", *arguments, "--url", service.url]
        return CliRunner().invoke(main, command, env={"NINAI_API_KEY": key})

    shown, as_json = plan(), plan("--json")

    assert plan(key=PLAIN).exit_code == 1
    assert shown.stdout.splitlines()[:2] == ["rule  keep days  due  users", "old         365    0      0"], shown.output
    assert "nothing is erased: retention.apply is false" in shown.stdout
    told = json.loads(as_json.stdout)
    assert (told["apply"], told["next_after"], [rule["name"] for rule in told["rules"]]) == (False, None, ["old"])


def test_the_mode_is_shown_and_set(service: Service) -> None:
    """Writes are refused meanwhile, with the reason; without one there is no such mode."""

    def write() -> httpx.Response:
        url, headers = f"{service.url}/memory/remember", {"Authorization": f"Bearer {PLAIN}"}
        return httpx.post(url, json={"content": "likes tea"}, headers=headers, trust_env=False)

    def mode(*arguments: str, key: str = OPS) -> Result:
        return CliRunner().invoke(main, ["mode", *arguments, "--url", service.url], env={"NINAI_API_KEY": key})

    assert mode("read-only").exit_code == 2
    assert mode("read-only", "--reason", "a new disk", key=PLAIN).exit_code == 1
    assert mode().stdout == "read-write\n"
    closed = mode("read-only", "--reason", "a new disk", "--retry-after", "60")
    refused = write()
    opened = mode("read-write", "--json")

    assert closed.stdout.startswith("read-only since 2")
    assert closed.stdout.endswith("set by ops: a new disk\n")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    assert json.loads(opened.stdout)["mode"] == "read_write"
    assert write().status_code == 200
