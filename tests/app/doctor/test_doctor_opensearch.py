"""What the doctor finds about an index of OpenSearch, and about the embedder beside it."""

from providers.examination.outcome import CheckStatus
from tests.app.doctor.examining import found, wrong
from tests.support.opensearch import OpenSearchServer

HEALTH, EMBEDDER = "providers.search.health", "providers.search.embedder"


def opensearch(server: OpenSearchServer, **settings: str) -> dict[str, str]:
    """The environment of a provider on a server, in an index that nobody has used before."""
    given = {"kind": "opensearch", "url": server.url, "index": server.settings().index} | settings
    variables = {f"NINAI__PROVIDERS__SEARCH__{name.upper()}": value for name, value in given.items()}
    return {"NINAI__ORDER": "search"} | variables


async def test_an_index_and_its_embedder_are_told(opensearch_server: OpenSearchServer) -> None:
    """The model with its dimensions; without one nothing is said of it."""
    with_vectors = await found(**opensearch(opensearch_server, embedder__kind="local"))
    without = await found(**opensearch(opensearch_server))

    assert wrong(with_vectors) == wrong(without) == {}
    assert with_vectors[EMBEDDER].found.startswith("local/l2_supercat_256: 256 dimensions in ")
    assert with_vectors[HEALTH].found.endswith(", index: none yet")
    assert EMBEDDER not in without


async def test_an_embedder_that_does_not_answer_is_an_error(opensearch_server: OpenSearchServer) -> None:
    """The provider would store without vectors, and say nothing."""
    nobody = {"embedder__kind": "openai", "embedder__base_url": "http://127.0.0.1:1/v1", "embedder__api_key": "canary"}
    findings = await found(**opensearch(opensearch_server, **nobody))

    assert wrong(findings) == {EMBEDDER: CheckStatus.ERROR}
    assert "found by their words alone" in (findings[EMBEDDER].advice or "")
    assert "canary" not in str(findings)
