"""What the doctor finds about a Redis: the embedder beside it, and whether it has vector sets."""

from providers.examination.outcome import CheckStatus
from tests.app.doctor.examining import found, wrong
from tests.support.redis import RedisServer

EMBEDDER, SETS = "providers.cache.embedder", "providers.cache.vector_sets"


def redis(server: RedisServer, **settings: str) -> dict[str, str]:
    """The environment of a provider on a server, in a keyspace that nobody has used before."""
    given = {"kind": "redis", "url": server.url, "prefix": server.settings().prefix} | settings
    variables = {f"NINAI__PROVIDERS__CACHE__{name.upper()}": value for name, value in given.items()}
    return {"NINAI__ORDER": "cache"} | variables


async def test_the_embedder_and_the_vector_sets_are_told(redis_server: RedisServer) -> None:
    """The model with its dimensions; without one nothing is said of either."""
    with_vectors = await found(**redis(redis_server, embedder__kind="local"))
    without = await found(**redis(redis_server))

    assert wrong(with_vectors) == wrong(without) == {}
    assert with_vectors[EMBEDDER].found.startswith("local/l2_supercat_256: 256 dimensions in ")
    assert with_vectors[SETS].found == "the server has them"
    assert {EMBEDDER, SETS}.isdisjoint(without)


async def test_a_server_without_vector_sets_is_warned_of(redis_server: RedisServer) -> None:
    """With what is lost, and what to do about it."""
    redis_server.command("ACL", "SETUSER", "plain", "on", ">secret", "~*", "+@all", "-vsim", "-vadd", "-vrem")
    try:
        url = f"unix://plain:secret@{redis_server.folder}/socket"
        findings = await found(**redis(redis_server, url=url, embedder__kind="local"))
    finally:
        redis_server.command("ACL", "DELUSER", "plain")

    assert wrong(findings) == {SETS: CheckStatus.WARNING}
    assert "more than 100,000 memories vectors count only for the newest" in findings[SETS].found
    assert "Redis 8" in (findings[SETS].advice or "")


async def test_an_embedder_that_does_not_answer_is_an_error(redis_server: RedisServer) -> None:
    """The provider would store without vectors, and say nothing."""
    nobody = {"embedder__kind": "openai", "embedder__base_url": "http://127.0.0.1:1/v1", "embedder__api_key": "canary"}
    findings = await found(**redis(redis_server, **nobody))

    assert wrong(findings) == {EMBEDDER: CheckStatus.ERROR}
    assert "canary" not in str(findings)
