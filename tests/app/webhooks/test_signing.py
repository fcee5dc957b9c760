"""The signatures of webhooks, by the example of the specification's own libraries."""

from base64 import b64encode

import pytest

from app.webhooks.signing import LEAST_SECRET_BYTES, MOST_SECRET_BYTES, secret_fault, signed_headers


def test_the_published_example_is_signed_alike() -> None:
    """The vector that the reference libraries of Standard Webhooks test themselves with."""
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        b'{"test": 2432232314}',
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


@pytest.mark.parametrize(
    ("size", "good"),
    [
        (LEAST_SECRET_BYTES - 1, False),
        (LEAST_SECRET_BYTES, True),
        (MOST_SECRET_BYTES, True),
        (MOST_SECRET_BYTES + 1, False),
    ],
)
def test_a_secret_has_a_length(size: int, *, good: bool) -> None:
    """As the specification bounds it."""
    assert (secret_fault("whsec_" + b64encode(b"k" * size).decode()) is None) is good


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", b64encode(b"k" * 32).decode(), "whsec_é"])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    """Without the prefix, or not in base64."""
    assert secret_fault(secret) is not None
