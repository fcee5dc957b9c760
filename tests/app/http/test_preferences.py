"""`Prefer: wait=10`: the caller of a write waits longer for `stored`; the header is read as RFC 7240 writes it."""

from pathlib import Path

import pytest

from app.http.preferences import wait_of
from providers.errors import InvalidInput
from tests.support.api import Api, asgi_client, fresh_user, problem_in, running_app
from tests.support.chains import two_providers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=10"], 10),
        (["Wait=0"], 0),
        (["wait = 10"], 10),
        (['wait="10"'], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=7"], 7),
        (["wait=3, wait=4"], 3),
        (['handling=lenient; strict="a, \\"b"; ;x, ,\twait=5;soon'], 5),
        (['foo="wait=9"'], None),
        (["return=minimal"], None),
        ([""], None),
        (["wait=999999999"], 999_999_999),
    ],
)
def test_the_wait_is_found(headers: list[str], seconds: int | None) -> None:
    """Among others, in any of several headers, the first one that there is."""
    assert wait_of(headers) == seconds


@pytest.mark.parametrize(
    "header",
    [
        "wait",
        "wait=",
        "wait=soon",
        "wait=-1",
        "wait=1.5",
        'wait=""',
        "wait=1234567890",
        "wait=10 20",
        'wait="10',
        "=10",
        "wäit=10",
        "wait=10;=",
        "wait=1\u0663",
        '"wait"=10',
    ],
)
def test_what_is_malformed_is_refused(header: str) -> None:
    """Whoever wants to wait, and says it wrongly, would believe that it waits."""
    with pytest.raises(InvalidInput, match="Prefer"):
        wait_of([header])


def test_a_long_header_is_read_in_no_time() -> None:
    """Each character once, whatever is wrong at the end."""
    for header in ("a;" * 20_000 + "(", "a=b," * 20_000 + "(", 'a="' + "\\a" * 20_000, " " * 50_000 + "("):
        with pytest.raises(InvalidInput):
            wait_of([header])


async def _written(api: Api, headers: dict[str, str]) -> str | None:
    """Store a memory, and return what was applied."""
    response = await api.request("POST", "/memory/remember", json={"content": "tea"}, headers=headers)
    assert response.status_code == 200
    applied: str | None = response.headers.get("preference-applied")
    return applied


async def test_the_answer_says_what_was_applied(tmp_path: Path) -> None:
    """As far as the deadline of the request and the longest request allow; a read takes no preference."""
    async with running_app(two_providers(tmp_path)) as app, asgi_client(app) as http:
        api = Api(http, fresh_user())
        applied = [
            await _written(api, headers)
            for headers in (
                {},
                {"Prefer": "wait=10"},
                {"Prefer": "respond-async, wait=3600"},
                {"Prefer": "wait=10", "X-Request-Timeout-Ms": "5500"},
                {"Prefer": "wait=10", "X-Request-Timeout-Ms": "900"},
                {"Prefer": "wait=0"},
                {"Prefer": "respond-async"},
            )
        ]
        read = await api.request("GET", "/memory/memories", headers={"Prefer": "wait=10"})
        refused = await api.request("POST", "/memory/remember", json={"content": "tea"}, headers={"Prefer": "wait=x"})

    assert applied == [None, "wait=10", "wait=30", "wait=5", None, None, None]
    assert (read.status_code, read.headers.get("preference-applied")) == (200, None)
    assert (refused.status_code, problem_in(refused)["errors"][0]["field"]) == (422, "Prefer")
