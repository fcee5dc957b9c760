"""`ninai config` checks and shows what the service would start with."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main

CANARY = "canary-7Qx"


def ninai(*arguments: str, **environ: str) -> Result:
    """Run the command in an environment without any setting but these."""
    ours = [name for name in os.environ if name.startswith(("NINAI", "MEM", "OPENAI_"))]  # noqa: TID251 - to clear it
    nothing = dict.fromkeys([*ours, "DATABASE_URL", "EMBEDDING_MODEL"])
    return CliRunner().invoke(main, arguments, env={**nothing, "XDG_DATA_HOME": "/xdg", **environ})


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = Path("ninai.toml")
    path.write_text("[server]\nport = 9000\n")
    return path


def test_check_says_ok_without_a_file() -> None:
    """The defaults are a configuration."""
    result = ninai("config", "check")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "ok: no file, defaults and environment\n", "")


def test_check_names_the_file(file: Path) -> None:
    """The file is the one that --config or NINAI_CONFIG names."""
    assert ninai("--config", str(file), "config", "check").stdout == "ok: ninai.toml\n"
    assert ninai("config", "check", NINAI_CONFIG=str(file)).stdout == "ok: ninai.toml\n"


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_wrong_setting_is_one_line_and_exit_code_2(file: Path, command: str) -> None:
    """The error stands alone on standard error."""
    file.write_text("[server]\nport = 99999\n")

    result = ninai("--config", str(file), "config", command)

    line = "Error: $.server.port: expected int <= 65535, got 99999 (ninai.toml)\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", line)


def test_settings_that_do_not_go_together_are_exit_code_2() -> None:
    """What only together is wrong is told in one line, with the first that was set."""
    result = ninai("config", "check", NINAI__CHAIN__BREAKER__FIRST_PAUSE="100")

    line = (
        "Error: $.chain.breaker: first_pause must not be longer than longest_pause"
        " (NINAI__CHAIN__BREAKER__FIRST_PAUSE)\n"
    )
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", line)


def test_a_missing_file_is_exit_code_2() -> None:
    """A file that is named must be there."""
    result = ninai("--config", "/nowhere.toml", "config", "check")

    assert (result.exit_code, result.stderr) == (
        2,
        "Error: /nowhere.toml: No such file or directory (named by --config)\n",
    )


def test_show_lists_every_setting_with_its_origin(file: Path) -> None:
    """One line for each setting: path, value, source."""
    result = ninai("--config", str(file), "config", "show", OPENAI_API_KEY="k", NINAI__LOG__LEVEL="debug")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        'order = ["native"]  # default',
        'providers.native.kind = "native"  # default',
        "providers.native.dsn = unset  # default",
        "providers.native.pool_size = 10  # default",
        "providers.native.timeout = 5.0  # default",
        'providers.native.pooler = "none"  # default',
        "providers.native.migrate = true  # default",
        "providers.native.vector_weight = 0.5  # default",
        "providers.native.recall_cache_mb = 256  # default",
        'providers.native.embedder.kind = "openai"  # OPENAI_API_KEY',
        'providers.native.embedder.api_key = "********"  # OPENAI_API_KEY',
        "providers.native.embedder.base_url = unset  # default",
        'providers.native.embedder.model = "text-embedding-ada-002"  # default',
        "providers.native.embedder.dimensions = unset  # default",
        "providers.native.embedder.timeout = 10.0  # default",
        "providers.native.embedder.batch_size = 2048  # default",
        "providers.native.former_embedders = []  # default",
        "providers.native.former_vectors_kept = 600.0  # default",
        'server.host = "127.0.0.1"  # default',
        "server.port = 9000  # ninai.toml",
        "server.socket = unset  # default",
        "server.workers = 1  # default",
        "server.drain = 0.0  # default",
        "server.connections = 10000  # default",
        "server.connections_per_peer = 1000  # default",
        "server.header_timeout = 20.0  # default",
        "server.body_timeout = 10.0  # default",
        "server.answer_timeout = 10.0  # default",
        "server.trusted_proxies = []  # default",
        'server.prefix = ""  # default',
        "server.cross_origins = []  # default",
        "server.admission.enabled = true  # default",
        "server.admission.min_limit = 300  # default",
        "server.admission.max_limit = 2000  # default",
        "server.admission.queue_deadline = 2.0  # default",
        'admin.host = "127.0.0.1"  # default',
        "admin.port = unset  # default",
        "admin.session_secret = unset  # default",
        'journal.kind = "auto"  # default',
        "chain.longest_request = 30.0  # default",
        "chain.writes_wait = false  # default",
        "chain.breaker.failure_share = 0.5  # default",
        "chain.breaker.least_calls = 10  # default",
        "chain.breaker.window = 10.0  # default",
        "chain.breaker.in_a_row = 5  # default",
        "chain.breaker.first_pause = 5.0  # default",
        "chain.breaker.longest_pause = 60.0  # default",
        "chain.breaker.jitter = 0.2  # default",
        "chain.budget.share = 0.1  # default",
        "chain.budget.at_least = 3  # default",
        "chain.budget.window = 10.0  # default",
        "chain.hedging.enabled = true  # default",
        "chain.hedging.factor = 2.0  # default",
        "chain.hedging.least_patience = 0.1  # default",
        "chain.hedging.most_patience = 2.0  # default",
        "chain.deliveries.batch = 100  # default",
        "chain.deliveries.per_second = 1000.0  # default",
        "chain.deliveries.first_wait = 0.5  # default",
        "chain.deliveries.longest_wait = 60.0  # default",
        "chain.deliveries.dead_after = 10  # default",
        "chain.deliveries.poll = 1.0  # default",
        "chain.retention.keep = 3600.0  # default",
        "chain.retention.every = 60.0  # default",
        "chain.patrol.enabled = true  # default",
        "chain.patrol.every = 600.0  # default",
        "chain.patrol.share = 0.02  # default",
        "chain.expiry.enabled = true  # default",
        "chain.expiry.every = 600.0  # default",
        "chain.expiry.share = 0.1  # default",
        "installation = unset  # default",
        'data_dir = "/xdg/ninaivalaigal"  # default',
        "shared_dir = unset  # default",
        'auth.mode = "none"  # default',
        'auth.default_user = "demo"  # default',
        "auth.keys_path = unset  # default",
        "auth.pepper = unset  # default",
        "tenants.enabled = false  # default",
        "audit.enabled = false  # default",
        "audit.path = unset  # default",
        "audit.file_mb = 64  # default",
        "audit.total_mb = 4096  # default",
        "audit.syslog = unset  # default",
        'log.format = "auto"  # default',
        'log.level = "debug"  # NINAI__LOG__LEVEL',
        "tracing.endpoint = unset  # default",
        "tracing.ratio = 1.0  # default",
        'tracing.service_name = "ninaivalaigal"  # default',
        "tracing.timeout = 5.0  # default",
        "mcp.enabled = true  # default",
        "compat.mem0.enabled = unset  # default",
        "extraction.base_url = unset  # default",
        "extraction.api_key = unset  # default",
        "extraction.model = unset  # default",
        "extraction.deadline = 20.0  # default",
        "extraction.wait = 5.0  # default",
        "extraction.concurrency = 4  # default",
        "extraction.queue = 100  # default",
        "extraction.max_input_chars = 50000  # default",
        "extraction.max_facts = 20  # default",
        "recall_limit = 10  # default",
        'reranker.kind = "none"  # default',
        "limits.max_answer_bytes = 16777216  # default",
        "limits.store = unset  # default",
        "limits.key.requests = unset  # default",
        "limits.key.memories = unset  # default",
        "limits.user.requests = unset  # default",
        "limits.user.memories = unset  # default",
        "limits.tenant.requests = unset  # default",
        "limits.tenant.memories = unset  # default",
        "quotas.user.memories = unset  # default",
        "quotas.user.bytes = unset  # default",
        "quotas.tenant.memories = unset  # default",
        "quotas.tenant.bytes = unset  # default",
        "quotas.recount = 300.0  # default",
        "quotas.share = 0.1  # default",
        "retention.apply = false  # default",
        "retention.rules = []  # default",
        "expiry.default = unset  # default",
        "expiry.maximum = unset  # default",
        "erasure.keep = 34560000.0  # default",
        "erasure.every = 5.0  # default",
        "history.keep = 20  # default",
        "history.days = 30  # default",
        "# The resulting limits:",
        *(
            f"# native, {operation}: deadline {deadline} s (default), up to 30 s for a batch; one try {limit} (default)"
            for operation, deadline, limit in (
                ("recall", 10, "until the deadline"),
                ("read", 10, "until the deadline"),
                ("remember", 10, "until the deadline"),
                ("delete", 10, "until the deadline"),
                ("replay", 30, "3 times the usual, at least 5 s"),
            )
        ),
    ]


def test_show_as_json_says_the_same(file: Path) -> None:
    """Programs read the same paths, values and sources."""
    result = ninai("--config", str(file), "config", "show", "--json", DATABASE_URL="postgres://h/d")

    shown = json.loads(result.stdout)
    assert shown["server.port"] == {"value": 9000, "origin": "ninai.toml"}
    assert shown["providers.native.dsn"] == {"value": "********", "origin": "DATABASE_URL"}
    assert shown["providers.native.former_embedders"] == {"value": [], "origin": "default"}
    assert shown["limits.native.recall.deadline"] == {"value": 10.0, "origin": "default"}
    assert shown["limits.native.recall.try_limit"] == {"value": "until the deadline", "origin": "default"}


@pytest.mark.parametrize("command", [["check"], ["show"], ["show", "--json"]])
@pytest.mark.parametrize("port", ["9000", "99999"])
def test_no_output_shows_a_secret(tmp_path: Path, command: list[str], port: str) -> None:
    """Neither a success nor an error prints what must stay secret."""
    secret = tmp_path / "key"
    secret.write_text(CANARY)
    variables = {
        "NINAI__SERVER__PORT": port,
        "DATABASE_URL": f"postgres://u:{CANARY}@h/d",
        "OPENAI_API_KEY": CANARY,
        "OPENAI_BASE_URL": f"http://u:{CANARY}@h/v1",
        "NINAI__PROVIDERS__MEM0__HMAC_SECRET": CANARY,
        "NINAI__PROVIDERS__MEM0__API_KEY_FILE": str(secret),
    }

    result = ninai("config", *command, **variables)

    assert result.exit_code == (0 if port == "9000" else 2)
    assert CANARY not in result.output
