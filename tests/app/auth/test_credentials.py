"""Exactly one credential per request: which of two would count depends on the reader."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.datastructures import Headers

from app.auth.credentials import Credential, credential_in, first_credential
from app.auth.refusals import CallerRefused

Shown = list[tuple[str, str]]
BEARER, HEADER = ("Authorization", "Bearer KEY"), ("X-API-Key", "KEY")


@pytest.mark.parametrize(
    "shown",
    [
        [BEARER, HEADER],
        [HEADER, BEARER],
        [BEARER, BEARER],
        [HEADER, HEADER],
        [BEARER, ("authorization", "Basic YTpi")],
        [("Authorization", "Basic YTpi"), HEADER],
        [("Authorization", ""), HEADER],
        [("X-API-Key", ""), BEARER],
        [("X-API-Key", ""), ("X-API-Key", "")],
        [("Authorization", "Token KEY"), HEADER],
        [("Authorization", "Token KEY"), BEARER],
        [BEARER, HEADER, ("X-API-Key", "x")],
    ],
)
@pytest.mark.parametrize(
    "path", ["/memory/memories", "/admin/providers", "/metrics", "/memory/health", "/console", "/v1/ping/"]
)
async def test_two_credentials_are_refused(
    guarded_http: httpx.AsyncClient, free_key: str, shown: Shown, path: str
) -> None:
    """Be they equal, empty or of no use: nobody is admitted by the one while a proxy has checked the other."""
    headers = [(name, value.replace("KEY", free_key)) for name, value in shown]

    response = await guarded_http.get(path, headers=[*headers, ("X-User-ID", "alice")])

    assert response.status_code == 400
    assert free_key not in response.text
    if path != "/console":
        assert response.json()["detail"] == "Send one credential: either Authorization or X-API-Key, and once"


async def test_where_no_key_is_asked_for_credentials_do_not_count(mock_http: httpx.AsyncClient) -> None:
    """A proxy in front may add some of its own."""
    headers = {"Authorization": "Basic YTpi", "X-API-Key": "x", "X-User-ID": "alice"}

    assert (await mock_http.get("/memory/memories", headers=headers)).status_code == 200


HEADERS = st.lists(
    st.tuples(st.sampled_from(["authorization", "x-api-key", "cookie"]), st.text(max_size=40) | st.just("Bearer x")),
    max_size=3,
)


@given(HEADERS)
def test_any_headers_show_one_credential_or_none(shown: Shown) -> None:
    """Or they are refused; nothing else is raised, and no key is empty."""
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in shown]
    credentials = [value for name, value in raw if name != b"cookie"]

    if len(credentials) > 1:
        with pytest.raises(CallerRefused):
            credential_in(Headers(raw))
    else:
        found = credential_in(Headers(raw))
        assert found is None or found.text
    assert first_credential({}, {}) is None


def test_a_credential_does_not_print() -> None:
    """It must not get into a log by accident."""
    assert "secret" not in f"{Credential('secret')!r} {Credential('secret')}"
