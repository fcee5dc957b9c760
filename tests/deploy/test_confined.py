"""The service as a container runs it: any user, a root file system that is read-only, an address of IPv6."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.postgres import reachable_folder
from tests.support.service import NINAI, START_SECONDS, environment

pytestmark = pytest.mark.soak

UID = "12345"  # an account that nobody has made
# In a mount namespace of its own: the interpreter may lie in a folder that only root can enter.
CONFINE = """
set -e
mount --make-rprivate /
mount --bind "$FOLDER" "$FOLDER"
if [ -n "$BLOCKED" ]; then
    mkdir "$FOLDER/interpreter"
    mount --bind "$PREFIX" "$FOLDER/interpreter"
    mount -t tmpfs -o mode=755 none "$BLOCKED"
    mkdir -p "$PREFIX"
    mount --bind "$FOLDER/interpreter" "$PREFIX"
fi
mount --bind / /
mount -o remount,bind,ro /
exec setpriv --reuid=$UID_ --regid=$UID_ --clear-groups "$@"
"""


def blocked(prefix: Path) -> str:
    """The first folder on the way to a place that others cannot enter, empty if there is none."""
    parents = [parent for parent in reversed(prefix.parents) if not parent.stat().st_mode & 0o001]
    return str(parents[0]) if parents else ""


@contextmanager
def confined(folder: Path, *arguments: str, **variables: str) -> Iterator[str]:
    """Run `ninai serve` as a stranger who can write into one folder alone, and yield its URL."""
    data = folder / "data"
    data.mkdir()
    os.chown(data, int(UID), int(UID))
    prefix = Path(sys.base_prefix)
    places = {"FOLDER": str(folder), "PREFIX": str(prefix), "BLOCKED": blocked(prefix), "UID_": UID}
    given = environment(NINAI__DATA_DIR=str(data), HOME="/nonexistent", TMPDIR=str(data), **places, **variables)
    said = folder / "said"
    with said.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            ["/usr/bin/unshare", "--mount", "sh", "-c", CONFINE, "sh", str(NINAI), "serve", "--port", "0", *arguments],
            env=given,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"ninaivalaigal on (http://\S+)", said.read_text())):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)
        yield found[1]
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root makes mount namespaces")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_any_user_on_a_read_only_root_serves_by_either_address(host: str) -> None:
    """It needs its folder of data alone, with a journal and the audit in it, and the socket beside."""
    variables = {
        "NINAI__ORDER": '["a", "b"]',
        "NINAI__PROVIDERS__A__KIND": "mock",
        "NINAI__PROVIDERS__B__KIND": "mock",
        "NINAI__AUDIT__ENABLED": "true",
    }
    with reachable_folder() as folder:
        socket = folder / "data" / "s"
        with confined(folder, "--host", host, **variables, NINAI__SERVER__SOCKET=str(socket)) as url:
            told = {"content": "likes tea", "user_id": "alice"}
            stored = httpx.post(f"{url}/memory/remember", json=told, trust_env=False, timeout=START_SECONDS)
            found = httpx.get(f"{url}/memory/memories", params={"user_id": "alice"}, trust_env=False)
            owner = (folder / "data" / "audit").stat().st_uid
            local = httpx.HTTPTransport(uds=str(socket))
            with httpx.Client(transport=local) as client:
                through = client.get("http://localhost/readyz")

        assert f"[{host}]" in url or host in url
        assert (stored.status_code, len(found.json()["memories"]), through.status_code) == (200, 1, 200)
        assert str(owner) == UID
        assert not socket.exists()
