"""The unit of deploy/systemd: the service can start with what it is given, and is given the time to stop."""

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from app.cli import main
from app.cli.loading import EXIT_CONFIG
from app.process.draining import STOP_SECONDS
from app.settings import Settings, load
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.mem0.settings import Mem0Settings
from providers.native.embedded.ending import SHUTDOWN_SECONDS
from providers.native.settings import NativeSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
SYSTEMD = DEPLOY / "systemd"
UNIT = SYSTEMD / "ninai.service"
CREDENTIALS = SYSTEMD / "ninai.service.d" / "credentials.conf"
EXPOSURE = 20  # tenths; systemd's "OK" ends at 50
RUN_SECONDS = 60.0


def uncommented(path: Path) -> str:
    """A file with every line that is ready to be used."""
    return re.sub(r"^#(?=[A-Z])", "", path.read_text("utf-8"), flags=re.MULTILINE)


def values(text: str, key: str) -> list[str]:
    """All that a unit says about a key."""
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def value(key: str) -> str:
    """The one thing that the unit says about a key."""
    [only] = values(UNIT.read_text("utf-8"), key)
    return only


def loaded(root: Path, drop_in: str = "", **more: str) -> Settings:
    """The settings that the service finds, with its folders below `root` and the files of the README in place."""
    text = UNIT.read_text("utf-8") + drop_in
    (root / "credentials").mkdir()
    for name, _, _ in (credential.partition(":") for credential in values(drop_in, "LoadCredential")):
        (root / "credentials" / name).write_text(f"postgresql://u:p@{name}/ninai\n")
    (root / "ninai.toml").write_bytes((DEPLOY / "ninai.toml").read_bytes())
    environ = dict(entry.split("=", 1) for entry in values(text, "Environment")) | more
    places = {"%S": str(root / "state"), "%d": str(root / "credentials"), "/etc/ninai/ninai.toml": f"{root}/ninai.toml"}
    for written, place in places.items():
        environ = {name: one.replace(written, place) for name, one in environ.items()}
    return load(None, environ).settings


def test_it_starts_as_it_is(tmp_path: Path) -> None:
    """With the example of a configuration, its own PostgreSQL, and its data where the unit lets it write."""
    settings = loaded(tmp_path)

    native = settings.providers["native"]
    assert isinstance(native, NativeSettings)
    assert native.dsn is None
    assert settings.data_dir == tmp_path / "state" / value("StateDirectory")


def test_it_finds_its_secrets(tmp_path: Path) -> None:
    """Everything that is loaded is asked for where systemd puts it, and nothing else."""
    more = {"NINAI__JOURNAL__KIND": "postgres", "NINAI__PROVIDERS__MEM0__KIND": "mem0", "NINAI__ORDER": "native,mem0"}
    settings = loaded(tmp_path, uncommented(CREDENTIALS), **more)

    native, mem0 = settings.providers["native"], settings.providers["mem0"]
    assert isinstance(native, NativeSettings)
    assert native.dsn is not None
    assert native.dsn.reveal().endswith("@native-dsn/ninai")
    assert isinstance(mem0, Mem0Settings)
    assert mem0.api_key is not None
    assert "mem0-api-key" in mem0.api_key.reveal()
    assert isinstance(settings.journal, PostgresJournalSettings)
    assert "journal-dsn" in settings.journal.dsn.reveal()


def test_the_drop_in_needs_a_database_alone(tmp_path: Path) -> None:
    """What is not commented out is enough."""
    native = loaded(tmp_path, CREDENTIALS.read_text("utf-8")).providers["native"]

    assert isinstance(native, NativeSettings)
    assert native.dsn is not None


def test_the_environment_opens_it_to_others(tmp_path: Path) -> None:
    """With a key, as the loader demands it."""
    lines = uncommented(SYSTEMD / "environment").splitlines()
    settings = loaded(tmp_path, **dict(line.split("=", 1) for line in lines if line.startswith("NINAI__")))

    assert (settings.server.host, settings.auth.mode) == ("0.0.0.0", "api_key")  # noqa: S104 - what is asked for
    assert list(settings.auth.keys) == ["agent"]


def test_it_runs_what_there_is() -> None:
    """The same place as in the image, and a command that exists."""
    program, command = value("ExecStart").split()

    assert program == "/opt/ninai/bin/ninai"
    assert "/opt/ninai/bin:" in (DEPLOY / "Dockerfile").read_text("utf-8")
    assert command in main.list_commands(click.Context(main))


def test_commands_run_as_the_service_does() -> None:
    """The script takes the same program, user and files, and the file of variables last, which overrides the rest."""
    script = (SYSTEMD / "as-ninai").read_text("utf-8")
    given = {entry for entry in values(UNIT.read_text("utf-8"), "Environment") if entry.startswith("NINAI")}
    places = {entry.replace("%S", "/var/lib") for entry in given}

    assert set(re.findall(r"NINAI\w+=\S+", script)) == places
    assert f". {value('EnvironmentFile').removeprefix('-')}\n" in script.partition("export ")[2]
    assert script.endswith(f'exec runuser -u {value("User")} -- {value("ExecStart").split()[0]} "$@"\n')


def test_it_is_given_the_time_to_stop() -> None:
    """Requests first, then the database; only the main process is told, which knows the order."""
    needed = STOP_SECONDS + SHUTDOWN_SECONDS

    assert float(value("TimeoutStopSec")) >= needed + 10
    assert value("KillMode") == "mixed"


def test_it_is_started_again_unless_that_is_of_no_use() -> None:
    """A configuration that cannot be used is the same the next time."""
    assert value("Restart") == "on-failure"
    assert value("RestartPreventExitStatus") == str(EXIT_CONFIG)


def test_a_reload_asks_the_main_process_to_read_again() -> None:
    """The signal that the service takes as that."""
    assert value("ExecReload") == "/bin/kill -HUP $MAINPID"


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Every line of it and of the drop-in; what it would ignore it tells."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/ninai/bin/ninai", needed("true")))
    drop_in = tmp_path / f"{UNIT.name}.d" / CREDENTIALS.name
    drop_in.parent.mkdir()
    drop_in.write_text(uncommented(CREDENTIALS))

    done = run(needed("systemd-analyze"), "verify", unit)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_little_is_left_open() -> None:
    """As systemd itself judges it, without running anything."""
    done = run(needed("systemd-analyze"), "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", UNIT)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot judge a file")

    assert done.returncode == 0, done.stdout[-300:]


def test_the_user_can_be_made() -> None:
    """The account that the unit names."""
    done = run(needed("systemd-sysusers"), "--dry-run", SYSTEMD / "ninai.sysusers")

    assert done.returncode == 0, done.stderr
    assert (SYSTEMD / "ninai.sysusers").read_text("utf-8").split()[1] == value("User")


def needed(program: str) -> str:
    """The path of a program, which not every machine has."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"there is no {program}")
    return path


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)  # noqa: S603 - found above
