"""A body that no handler reads is refused: what it says would be ignored, as the conditions of a deletion."""

import pytest

from tests.support.api import Api, field_in


async def test_a_deletion_with_a_body_deletes_nothing(mock_api: Api) -> None:
    """Neither all memories instead of those of a session, nor those of another user than the body names."""
    await mock_api.request("POST", "/memory/remember", json={"content": "tea"})

    refused = [
        await mock_api.request("DELETE", path, json=body)
        for path, body in [
            ("/memory/memories?confirm=everything", {"session": "s0"}),
            ("/memory/memories?confirm=everything", {"user_id": "ben"}),
            ("/memory/memories/01a235ee-f02e-7068-84d2-df0bb9c881ef", {}),
            ("/memory/keys/tea", {"user_id": "ben"}),
        ]
    ]

    assert [(answer.status_code, field_in(answer)) for answer in refused] == [(422, "body")] * len(refused)
    assert len((await mock_api.request("GET", "/memory/memories")).json()["memories"]) == 1


@pytest.mark.parametrize("path", ["/memory/memories", "/memory/health"])
async def test_a_get_with_a_body_is_refused_where_it_asks_for_memories(mock_api: Api, path: str) -> None:
    """Conditions in it would be ignored; a probe has none."""
    answer = await mock_api.request("GET", path, json={"session": "s0"})

    assert answer.status_code == (422 if path == "/memory/memories" else 200)


async def test_a_body_of_unknown_length_is_refused_as_well(mock_api: Api) -> None:
    """It is announced by how it is framed alone."""
    answer = await mock_api.request("DELETE", "/memory/keys/tea", headers={"Transfer-Encoding": "chunked"})

    assert (answer.status_code, field_in(answer)) == (422, "body")


async def test_an_empty_body_is_none(mock_api: Api) -> None:
    """Some clients announce that there is nothing."""
    answer = await mock_api.request("DELETE", "/memory/keys/tea", headers={"Content-Length": "0"})

    assert answer.status_code == 404
