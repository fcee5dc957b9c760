"""What it costs to authenticate a request by its key: one of a thousand, by hash, of both forms."""

import statistics
from time import perf_counter_ns

from litestar.datastructures import Headers

from app.auth.credentials import credential_in
from app.auth.keys import hash_key, new_key
from app.settings.auth import KeySettings
from tests.bench.load import table
from tests.support.known_keys import PEPPER, authenticating

KEYS = 1_000
REQUESTS = 20_000
MOST = 50.0  # microseconds at p50


def main() -> None:
    """Print the median of both forms, the door's recognition included, and what it may be at most."""
    peppered = [new_key(f"k{number}") for number in range(KEYS)]
    bare = new_key("bare")
    known = {f"k{number}": KeySettings(hash=PEPPER.hash(key)) for number, key in enumerate(peppered)}
    authenticator = authenticating({**known, "bare": KeySettings(hash=hash_key(bare))})
    rows = [("hash", "p50 us", f"<= {MOST:g}")]
    for name, key in (("with a pepper", peppered[KEYS // 2]), ("bare, as before", bare)):
        headers = Headers([(b"authorization", f"Bearer {key}".encode()), (b"x-user-id", b"kannan")])
        shown = {"authorization": f"Bearer {key}"}
        took = []
        for _ in range(REQUESTS):
            began = perf_counter_ns()
            authenticator.recognize(shown)
            authenticator.identify("GET", headers, credential_in(headers)).caller_for("kannan")
            took.append(perf_counter_ns() - began)
        median = statistics.median(took) / 1000
        rows.append((name, f"{median:.1f}", "yes" if median <= MOST else "no"))
    table(iter(rows))
