"""`ninai audit` reads the files of a service, running or not."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from app.cli import main
from tests.support.api import Api, asgi_client
from tests.support.audited import audited_app, only_file


def ninai(folder: Path, *arguments: str) -> Result:
    """Run the command for a folder of audit files."""
    return CliRunner().invoke(main, ["audit", *arguments], env={"NINAI__AUDIT__PATH": str(folder)})


async def test_what_a_caller_did_is_found_and_a_change_is_told(tmp_path: Path) -> None:
    """By user and operation; then one of the files is changed."""
    async with audited_app(tmp_path) as app, asgi_client(app) as http:
        memory_id = (await Api(http, "alice").remember("likes tea")).json()["memory_id"]
        await Api(http, "bob").recall("tea")

    found = json.loads(ninai(tmp_path, "search", "--user", "alice", "--since", "1h", "--json").stdout)
    nothing = ninai(tmp_path, "search", "--operation", "delete")
    table = ninai(tmp_path, "search", "--memory", memory_id.upper())
    whole = ninai(tmp_path, "verify")
    assert [entry["memories"] for entry in found] == [[memory_id]]
    assert nothing.stdout == "nothing was found\n"
    assert "remember ok 1" in table.stdout
    assert "all of it is as it was written" in whole.stdout

    file = only_file(tmp_path)
    file.write_bytes(file.read_bytes().replace(b"alice", b"carol"))
    changed = ninai(tmp_path, "verify")
    assert changed.exit_code == 1
    assert "was changed" in changed.stdout
