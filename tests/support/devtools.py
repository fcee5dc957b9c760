"""A real browser that is driven by a test: Chromium's developer tools, spoken to over a pipe."""

import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.chromium import CHROMIUM, QUIET

_SECONDS = 60.0
_POLL = 0.2
_END = b"\0"  # of a message
_READ_BYTES = 1 << 20
_FIRST_FREE = 10  # number of a file


class Page:
    """One page; `responses` are the method, the address and the status of all that was answered, in order."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out = into, out
        self._unread = b""
        self._sent = 0
        self._session: str | None = None
        self._methods: dict[str, str] = {}
        self.responses: list[tuple[str, str, int]] = []

    def open(self, url: str) -> None:
        """Open a page of its own, and load it."""
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._ask("Network.enable", {})
        self._ask("Page.enable", {})
        self.go(url)

    def go(self, url: str) -> None:
        """Load another address."""
        self._ask("Page.navigate", {"url": url})

    def resize(self, width: int, height: int) -> None:
        """Show pages as a phone of so many pixels does."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
        self._ask("Emulation.setDeviceMetricsOverride", size)

    def run(self, script: str) -> Any:  # noqa: ANN401 - any JSON value
        """Run a script in the page, and return its value."""
        given = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self._ask("Runtime.evaluate", given)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script: str) -> Any:  # noqa: ANN401 - as above
        """Run a script again and again until its value is true, and return it."""
        end = time.monotonic() + _SECONDS
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never came true: {script}"
            self._read(_POLL)
        return value

    def answered(self, count: int) -> list[tuple[str, str, int]]:
        """Wait until so many requests have been answered, and return them all."""
        end = time.monotonic() + _SECONDS
        while len(self.responses) < count:
            assert time.monotonic() < end, f"only {len(self.responses)} of {count} were answered"
            self._read(_POLL)
        return self.responses

    def _ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._into, json.dumps(message).encode() + _END)
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            for answer in self._read(_POLL):
                if answer.get("id") == self._sent:
                    assert "error" not in answer, answer
                    result: dict[str, Any] = answer["result"]
                    return result
        raise AssertionError(f"the browser did not answer {method}")

    def _read(self, seconds: float) -> list[dict[str, Any]]:
        """Read what has come within some seconds, take events into account, and return the answers."""
        if not select.select([self._out], [], [], seconds)[0]:
            return []
        *messages, self._unread = (self._unread + os.read(self._out, _READ_BYTES)).split(_END)
        answers = []
        for message in map(json.loads, messages):
            params = message.get("params", {})
            if message.get("method") == "Network.requestWillBeSent":
                self._methods[params["requestId"]] = params["request"]["method"]
            elif message.get("method") == "Network.responseReceived":
                method = self._methods.get(params["requestId"], "?")
                self.responses.append((method, params["response"]["url"], params["response"]["status"]))
            elif "id" in message:
                answers.append(message)
        return answers


def _pipe() -> tuple[int, int]:
    """Return a pipe whose numbers are none of those that the browser expects."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


@contextmanager
def driven(profile: Path) -> Iterator[Page]:
    """Start a browser, and end it afterwards."""
    assert CHROMIUM is not None
    from_us, into = _pipe()
    out, to_us = _pipe()
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
    with subprocess.Popen(  # noqa: S603 - found on the path
        # It reads from the third and writes to the fourth file, whatever their numbers are here.
        ["/bin/bash", "-c", f'exec "$@" 3<&{from_us} 4>&{to_us}', "bash", *command],
        pass_fds=(from_us, to_us),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as browser:
        os.close(from_us)
        os.close(to_us)
        try:
            yield Page(into, out)
        finally:
            browser.terminate()
            browser.wait(_SECONDS)
            os.close(into)
            os.close(out)
