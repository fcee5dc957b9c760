"""What it costs to authenticate a request: by its key, one of a thousand, or by a token that was seen before."""

import statistics
import time
from time import perf_counter_ns

from litestar.datastructures import Headers

from app.auth.by_credential import CredentialAuthenticator
from app.auth.credentials import Credential, credential_in
from app.auth.keys import hash_key, new_key
from app.auth.tokens.tokens import Tokens
from app.settings.auth import KeySettings
from tests.bench.load import table
from tests.support.issuer import TokenIssuer, known, rsa_key
from tests.support.known_keys import PEPPER, knowing

KEYS = 1_000
REQUESTS = 20_000
NEW_TOKENS = 300
MOST = 50.0  # microseconds at p50


def main() -> None:
    """Print the median of each form, the door's recognition included, and what it may be at most.

    A new token is verified once; this is printed beside the others, and has no bound.
    """
    peppered = [new_key(f"k{number}") for number in range(KEYS)]
    bare = new_key("bare")
    filed = {f"k{number}": KeySettings(hash=PEPPER.hash(key)) for number, key in enumerate(peppered)}
    keys = knowing({**filed, "bare": KeySettings(hash=hash_key(bare))})
    source = TokenIssuer("RS256", rsa_key())
    authenticator = CredentialAuthenticator([Tokens([known(source, any_user=True)]), keys])
    rows = [("credential", "p50 us", f"<= {MOST:g}")]
    shown = {
        "key with a pepper": peppered[KEYS // 2],
        "bare key, as before": bare,
        "token seen before": source.token(exp=int(time.time()) + 3_600),
    }
    for name, key in shown.items():
        headers = Headers([(b"authorization", f"Bearer {key}".encode()), (b"x-user-id", b"kannan")])
        seen_first = {"authorization": f"Bearer {key}"}
        took = []
        for _ in range(REQUESTS):
            began = perf_counter_ns()
            authenticator.recognize(seen_first, {})
            authenticator.identify("GET", headers, credential_in(headers)).caller_for("kannan")
            took.append(perf_counter_ns() - began)
        median = statistics.median(took) / 1000
        rows.append((name, f"{median:.1f}", "yes" if median <= MOST else "no"))
    rows.append(("new token, RS256", f"{_verifying(source):.1f}", "-"))
    table(iter(rows))


def _verifying(source: TokenIssuer) -> float:
    """Return the median of verifying a token for the first time, in microseconds."""
    tokens, took = Tokens([known(source, any_user=True)]), []
    for number in range(NEW_TOKENS):
        credential = Credential(source.token(jti=number), bearer=True)
        began = perf_counter_ns()
        tokens.identify(credential)
        took.append(perf_counter_ns() - began)
    return statistics.median(took) / 1000
