"""A receiver of webhooks on this machine: a real server that takes, fails, hangs or is gone, and checks signatures."""

import hmac
import json
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgspec import Struct, field

SECRET = "whsec_" + b64encode(b"a secret of just thirty-two byte").decode()
HANGS = 0  # in the place of a status
_HANG_SECONDS = 5.0
_TOLERANCE = 300  # seconds by which a timestamp may differ


class Received(Struct, frozen=True):
    """One message as it came: its id, and its body."""

    id: str
    body: dict[str, Any]


class Receiver(Struct):
    """Answer with the `answers` that are set, one after the other, and with 204 after them; keep what was verified."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # messages with a bad signature
    always: int = 204

    @property
    def told(self) -> list[tuple[str, str | None]]:
        """The type of each message that was taken, and the memory it is about."""
        return [(one.body["type"], one.body["data"].get("memory_id")) for one in self.received]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Run a receiver on a free port for as long as the context lasts."""
    receiver = Receiver()
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.answers.pop(0) if receiver.answers else receiver.always
            if status == HANGS:
                released.wait(_HANG_SECONDS)
                return
            if not _verified(dict(self.headers.items()), body):
                receiver.refused.append(self.headers.get("webhook-id", ""))
                status = 401
            elif 200 <= status < 300:
                receiver.received.append(Received(self.headers["webhook-id"], json.loads(body)))
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield receiver
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _verified(headers: dict[str, str], body: bytes) -> bool:
    """Verify a message as the specification tells receivers to, with code of its own."""
    lower = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = lower["webhook-id"], lower["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > _TOLERANCE:
        return False
    key = b64decode(SECRET.removeprefix("whsec_"))
    expected = b64encode(hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, "sha256").digest()).decode()
    return f"v1,{expected}" in lower["webhook-signature"].split(" ")
