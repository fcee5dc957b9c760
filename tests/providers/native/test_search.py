"""Hybrid recall on real data: words and vectors, scores as the formula says, one index, one partition."""

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import log
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from providers.base import MemoryProvider
from providers.embedders.base import Embedder, Vector
from providers.filters import And, Eq, Exists, Filter, Gt, Gte, In, Lt, Lte, Ne, Not, Or
from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.provider import PostgresMemoryProvider
from providers.native.question_masks import QuestionMasks
from providers.native.search import K1, B, recall_statement
from providers.owners import Owner
from providers.search.filter_match import matches
from providers.text.analyzer import analyze, question_words
from providers.types import MemoryRecord, NewMemory, RecallQuery
from tests.support.native import FickleEmbedder, HashingEmbedder, open_native_provider
from tests.support.postgres import connected, create_database, drop_database

START = datetime(2024, 1, 1, tzinfo=UTC)

WORDS = """
    anna bicycle breakfast bridge candle chennai coffee dentist engine forest garden guitar harbour jasmine kitchen
    lantern market mountain notebook orchard painting piano quarry river saffron school tailor tea tomato train
    umbrella village violin window winter
""".split()  # noqa: SIM905 - a list of forty strings is forty lines


class GivenVectors(Embedder):
    """Vectors as listed, by text; any other text gets the last."""

    def __init__(self, vectors: dict[str, list[float]], model: str = "test/given") -> None:
        self.model = model
        self._vectors = {content: np.array(values, dtype=np.float32) for content, values in vectors.items()}

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Look each text up."""
        last = list(self._vectors.values())[-1]
        return [self._vectors.get(content, last) for content in texts]


@pytest.fixture(scope="module")
async def words(postgres_server: EmbeddedServer) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider without vectors, shared by tests of different users."""
    dsn = await create_database(postgres_server)
    async with open_native_provider(dsn, recall_cache_mb=0) as provider:
        yield provider
    await drop_database(postgres_server, dsn)


@pytest.fixture(scope="module")
async def hybrid(postgres_server: EmbeddedServer) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider with vectors by words, shared by tests of different users."""
    dsn = await create_database(postgres_server)
    async with open_native_provider(dsn, HashingEmbedder(), recall_cache_mb=0) as provider:
        yield provider
    await drop_database(postgres_server, dsn)


async def store(provider: MemoryProvider, user: str, contents: Iterable[str]) -> list[str]:
    """Store the texts, each a minute newer than the one before, and give their ids."""
    answers = await provider.remember_many(
        [
            NewMemory(owner=Owner(user), content=content, created_at=START + number * timedelta(minutes=1))
            for number, content in enumerate(contents)
        ]
    )
    return [answer for answer in answers if isinstance(answer, str)]


def contents_of(hits: Iterable[MemoryRecord]) -> list[str]:
    """The texts, in order."""
    return [hit.content for hit in hits]


async def scores_of(provider: MemoryProvider, user: str, query: str) -> dict[str, float]:
    """Each hit's score by its id."""
    return {hit.id: hit.similarity_score or 0.0 for hit in await provider.recall(user, query, 100)}


async def test_shared_words_come_before_unrelated_texts(hybrid: PostgresMemoryProvider, user: str) -> None:
    """With vectors too, the memory that holds the words of the question comes first."""
    ids = await store(hybrid, user, ["the train leaves at noon", "anna drinks saffron tea", "rain on Monday"])

    assert (await hybrid.recall(user, "who likes saffron tea?"))[0].id == ids[1]


async def test_a_synonym_is_found_by_its_vector(database: str) -> None:
    """A memory that shares no word with the question is found when its vector is near."""
    embedder = HashingEmbedder(synonyms={"automobile": "car", "purchase": "buy"})
    async with open_native_provider(database, embedder, recall_cache_mb=0) as provider:
        await store(provider, "anna", ["purchase automobile", "boil water"])

        assert (await provider.recall("anna", "buy car"))[0].content == "purchase automobile"


async def test_a_rare_word_beats_a_common_one(words: PostgresMemoryProvider, user: str) -> None:
    """Of two memories that share one word each, the one with the rarer word comes first."""
    await store(words, user, ["quokka lunch", *(f"meeting {word}" for word in WORDS[:10])])

    assert (await words.recall(user, "meeting quokka"))[0].content == "quokka lunch"


async def test_what_is_rare_is_rare_for_one_user(words: PostgresMemoryProvider, user: str) -> None:
    """A word that one user has everywhere and another once decides for the second alone."""
    pair = ["piano lesson", "violin lesson"]
    await store(words, f"pianist {user}", [*pair, *(f"piano {word}" for word in WORDS[:8])])
    await store(words, f"violinist {user}", [*pair, *(f"violin {word}" for word in WORDS[:8])])

    assert (await words.recall(f"pianist {user}", "piano violin"))[0].content == "violin lesson"
    assert (await words.recall(f"violinist {user}", "piano violin"))[0].content == "piano lesson"


async def test_other_users_change_no_score(words: PostgresMemoryProvider, user: str) -> None:
    """What others store, however much of a word, leaves a user's scores as they were."""
    await store(words, user, ["saffron tea", "green tea", "coffee"])
    before = await scores_of(words, user, "saffron tea")

    for other in range(40):  # more than there are partitions
        await store(words, f"other-{other} {user}", ["saffron"] * 5)

    assert await scores_of(words, user, "saffron tea") == before


async def test_a_range_or_filter_changes_no_score(hybrid: PostgresMemoryProvider, user: str) -> None:
    """Conditions choose among memories; rarity and length are still those of all."""
    ids = await store(hybrid, user, [f"tea {word}" for word in WORDS[:12]])
    whole = await scores_of(hybrid, user, "tea anna")

    hits = await hybrid.recall(user, "tea anna", 100, created_from=START + timedelta(minutes=6))
    assert {hit.id: hit.similarity_score for hit in hits} == {key: whole[key] for key in ids[6:]}
    hits = await hybrid.recall(user, "tea anna", 100, where=Ne("a", 1))
    assert {hit.id: hit.similarity_score for hit in hits} == whole


async def test_a_question_without_words_goes_by_the_vector(database: str) -> None:
    """Stop words and signs alone are compared by the cosine, undiminished."""
    embedder = GivenVectors({"to be or not to be": [1, 0, 0], "unrelated": [0, 1, 0], "or not?": [0.8, 0.6, 0]})
    async with open_native_provider(database, embedder, recall_cache_mb=0) as provider:
        ids = await store(provider, "anna", ["to be or not to be", "unrelated"])

        assert await scores_of(provider, "anna", "or not?") == pytest.approx({ids[0]: 0.8, ids[1]: 0.6}, abs=1e-3)


async def test_a_question_without_words_or_vector_finds_nothing(words: PostgresMemoryProvider, user: str) -> None:
    """Where nothing can be compared nothing is found."""
    await store(words, user, ["to be or not to be"])

    assert await words.recall(user, "to be or not?!") == []


async def test_memories_without_vectors_are_scored_by_words(database: str) -> None:
    """A memory stored without a vector is found where there are vectors, with a score of its words alone."""
    async with open_native_provider(database, recall_cache_mb=0) as provider:
        await store(provider, "anna", ["saffron tea", "coffee"])
        by_words = await scores_of(provider, "anna", "saffron")
    async with open_native_provider(database, former=[HashingEmbedder()], recall_cache_mb=0) as provider:
        assert await scores_of(provider, "anna", "saffron") == by_words


async def test_long_questions_go_by_their_first_words(words: PostgresMemoryProvider, user: str) -> None:
    """Of a question as many distinct words count as there is room for, and repeating them changes nothing."""
    names = [str(number) for number in range(1000, 1120)]
    counted = len(QuestionMasks.of(" ".join(names)).lexemes)
    ids = await store(words, user, names)

    scores = await scores_of(words, user, " ".join(names))
    again = await scores_of(words, user, " ".join(names + names[::-1]))

    assert 48 <= counted < len(names)
    assert set(scores) == set(ids[:counted])
    assert len({round(score, 12) for score in scores.values()}) == 1
    assert again == scores


async def test_a_repeated_word_counts_once(words: PostgresMemoryProvider, user: str) -> None:
    """Saying a word twice in the question or in a memory changes no score."""
    once, repeated = await store(words, user, ["tea", "tea tea tea"])

    scores = await scores_of(words, user, "tea saffron")
    assert await scores_of(words, user, "tea tea saffron tea") == scores
    assert scores[once] == scores[repeated]


@pytest.mark.parametrize(
    "long_text",
    [
        pytest.param(" ".join(f"w{number}" for number in range(310)), id="310 words"),
        pytest.param(" ".join(f"{number:x}" for number in range(6_000))[:31_990], id="32,000 characters"),
        pytest.param(" ".join(chr(0x4E00 + number) for number in range(15_990)), id="16,000 words"),
        pytest.param("-".join(chr(0x4E00 + number) for number in range(15_990)), id="one word of 16,000 parts"),
        pytest.param("/" + "/".join(chr(0x4E00 + number) for number in range(15_990)), id="one path"),
        pytest.param("x" * 31_990, id="one word of 32,000 characters"),
    ],
)
async def test_long_memories_are_stored_and_scored_alike(
    hybrid: PostgresMemoryProvider, user: str, long_text: str
) -> None:
    """A memory too wide for the index is found beside narrow ones, by the same formula."""
    long_one, short_one, _ = await store(hybrid, user, [f"saffron {long_text}", "saffron tea", "coffee"])

    hits = await hybrid.recall(user, "saffron")
    assert {hit.id for hit in hits} >= {long_one, short_one}
    assert all(0 < (hit.similarity_score or 0) <= 1 for hit in hits)
    assert (await hybrid.get(user, long_one)).content == f"saffron {long_text}"


@pytest.mark.parametrize("dims", [1, 1100, 1200, 1300, 1536, 4000])
async def test_vectors_of_any_width_work(database: str, dims: int) -> None:
    """Whatever the dimensions, vectors are stored whole and compared."""
    embedder = HashingEmbedder(dims, synonyms={"automobile": "car"})
    async with open_native_provider(database, embedder, recall_cache_mb=0) as provider:
        ids = await store(provider, "a" * 256, ["automobile", "boil some water for the pot"])
        hits = await provider.recall("a" * 256, "car")

    assert hits[0].id == ids[0]
    assert hits[0].similarity_score == pytest.approx(0.5, abs=0.01)


async def test_any_words_fit_beside_any_vector(database: str) -> None:
    """Around the bound of what an index entry holds, every combination of words and dimensions can be stored."""
    for dims in (8, 700, 1100):
        async with open_native_provider(database, HashingEmbedder(dims, f"test/{dims}"), recall_cache_mb=0) as provider:
            for count in range(0, 320, 20):
                names = " ".join(f"w{number}" for number in range(count))
                assert await provider.remember("ü" * 256, f"saffron {names}")
            assert len(await provider.recall("ü" * 256, "saffron", 100)) >= 16


async def test_two_models_are_each_compared_with_their_own(database: str) -> None:
    """Memories with vectors of a former model are found by it, beside those of the current one."""
    synonyms = {"automobile": "car", "lorry": "truck"}
    former = HashingEmbedder(32, "test/former", synonyms)
    current = FickleEmbedder(HashingEmbedder(48, "test/current", synonyms))
    current.poison = {"automobile"}  # so that the background task cannot bring this one up to date
    async with open_native_provider(database, former, recall_cache_mb=0) as provider:
        await store(provider, "anna", ["automobile"])
    async with open_native_provider(database, current, [former], recall_cache_mb=0) as provider:
        await store(provider, "anna", ["lorry"])
        assert contents_of(await provider.recall("anna", "car", 1)) == ["automobile"]
        assert contents_of(await provider.recall("anna", "truck", 1)) == ["lorry"]


async def test_one_model_of_two_widths_does_not_crash(database: str) -> None:
    """Vectors of the same model's name but other dimensions are not compared, and words still find the memory."""
    async with open_native_provider(database, HashingEmbedder(32), recall_cache_mb=0) as provider:
        await store(provider, "anna", ["saffron tea"])
    async with open_native_provider(database, HashingEmbedder(48), recall_cache_mb=0) as provider:
        await store(provider, "anna", ["saffron rice"])
        hits = await provider.recall("anna", "saffron")

    assert sorted(contents_of(hits)) == ["saffron rice", "saffron tea"]


async def test_vectors_that_are_none_are_not_kept(database: str) -> None:
    """A zero vector, NaN or infinity is as good as no vector: the memory is found by its words."""
    nan, infinity = float("nan"), float("inf")
    for bad in ([0.0, 0.0], [nan, 1.0], [infinity, 0.0], [2.0, 0.0]):
        user = str(uuid4())
        embedder = GivenVectors({"saffron tea": bad, "saffron rice": [0.6, 0.8], "saffron": [0.0, 1.0], "?": bad})
        async with open_native_provider(database, embedder, recall_cache_mb=0) as provider:
            await provider.remember(user, "saffron tea")
            await provider.remember(user, "saffron rice")
            for query in ("saffron", "saffron ?", "?"):
                hits = await provider.recall(user, query)
                assert all(0 < (hit.similarity_score or 0) <= 1 for hit in hits)
                assert query == "?" or len(hits) == 2


async def test_a_zero_vector_in_the_table_gives_no_nan(database: str) -> None:
    """Should a vector without direction be in the table all the same, the words decide."""
    async with open_native_provider(database, recall_cache_mb=0) as provider:
        await provider.remember("words", "saffron tea")
        by_words = [hit.similarity_score for hit in await provider.recall("words", "saffron")]
    async with open_native_provider(database, HashingEmbedder(3), recall_cache_mb=0) as provider:
        await provider.remember("anna", "saffron tea")
        async with connected(database) as connection:
            await connection.execute("UPDATE ninai_memories SET embedding = '[0,0,0]' WHERE user_id = 'anna'")

        assert [hit.similarity_score for hit in await provider.recall("anna", "saffron")] == by_words


async def test_opposite_vectors_do_not_pull_the_words_down(database: str) -> None:
    """A negative cosine counts as none, so that every score stays in [0, 1]."""
    vectors = {"saffron tea": [1.0, 0.0], "saffron rice": [0.0, 1.0], "saffron": [-1.0, 0.0]}
    async with open_native_provider(database, GivenVectors(vectors), recall_cache_mb=0) as provider:
        opposite, orthogonal = await store(provider, "anna", ["saffron tea", "saffron rice"])
        scores = await scores_of(provider, "anna", "saffron")

    assert scores[opposite] == scores[orthogonal] > 0


@pytest.mark.thorough
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
async def test_scores_are_what_the_formula_says(database: str, weight: float) -> None:
    """For 200 random memories every score and the order are those computed here, step by step."""
    chance = random.Random(11)  # noqa: S311 - the same texts every run
    embedder = HashingEmbedder(24)
    contents = [" ".join(chance.choices(WORDS, k=chance.randint(1, 30))) for _ in range(200)]
    async with open_native_provider(database, embedder, vector_weight=weight, recall_cache_mb=0) as provider:
        ids = await store(provider, "anna", contents)
        for query in ("tea", "piano in the village school", "winter winter umbrella", "anna's saffron tomatoes"):
            scores = await scores_of(provider, "anna", query)
            expected = expected_scores(embedder, weight, contents, query)

            best = sorted(range(200), key=lambda number: (expected[number], number), reverse=True)[:100]
            found = {ids[number]: expected[number] for number in best if expected[number] > 1e-9}
            # Half precision moves a cosine by up to 0.001, and with it who is among the last of a hundred.
            assert list(scores.values()) == pytest.approx(sorted(found.values(), reverse=True), abs=2e-3)
            for number, memory_id in enumerate(ids):
                if memory_id in scores:
                    assert scores[memory_id] == pytest.approx(expected[number], abs=2e-3)


def expected_scores(embedder: HashingEmbedder, weight: float, contents: list[str], query: str) -> list[float]:
    """The formula of the search, without masks, sparse vectors or an index."""
    held = [set(analyze(content).terms) for content in contents]
    asked = [set(word.terms(["english"])) for word in question_words(query)]
    count, average = len(held), sum(map(len, held)) / len(held)
    frequency = [sum(bool(word & words) for words in held) for word in asked]
    idf = [log(1 + (count - df + 0.5) / (df + 0.5)) for df in frequency]
    question = embedder.vector_of(query)
    scores = []
    for content, words in zip(contents, held, strict=True):
        share = sum(one for one, word in zip(idf, asked, strict=True) if word & words) / sum(idf)
        by_words = share * (1 + K1 * (1 - B)) / (1 + K1 * (1 - B + B * len(words) / average))
        cosine = max(float(embedder.vector_of(content) @ question), 0.0)
        scores.append(min(1.0, weight * cosine + (1 - weight) * by_words))
    return scores


async def test_recall_reads_one_index_of_one_partition(database: str) -> None:
    """After a vacuum all scoring is one index-only scan without a look at the table."""
    embedder = HashingEmbedder(256)
    async with open_native_provider(database, embedder, recall_cache_mb=0) as provider:
        for user in range(30):
            await store(provider, f"user-{user}", [f"tea {word} {user}" for word in WORDS])
    question = RecallQuery(owner=Owner("user-7"), query="saffron tea")
    statement = recall_statement(question, {embedder.model: embedder.vector_of("saffron tea")}, 0.5)
    async with connected(database) as connection:
        await connection.execute("VACUUM (ANALYZE) ninai_memories")
    async with open_engine(database, pool_size=10) as engine, engine.connect() as connection:
        explained = "EXPLAIN (ANALYZE, FORMAT JSON) " + statement.text
        [plan] = (await connection.exec_driver_sql(explained, statement.values)).scalar_one()

    read = [node for node in nodes_of(plan["Plan"]) if "Relation Name" in node and node["Actual Loops"] > 0]
    assert len({node["Relation Name"] for node in read}) == 1
    [scan] = [node for node in read if node["Node Type"] == "Index Only Scan"]
    assert scan["Actual Rows"] == len(WORDS)
    assert scan["Heap Fetches"] == 0
    assert {node["Node Type"] for node in read} <= {"Index Only Scan", "Index Scan"}


def nodes_of(plan: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes_of(child)


INJECTIONS = [
    "'; DROP TABLE ninai_memories; --",
    "' OR '1'='1",
    '" OR ""="',
    "\\'; SELECT pg_sleep(10); --",
    ":user_id",
    "$1",
    "%(user_id)s",
    "{user_id}",
    "tea & !coffee | (x)",
    "tea:* <-> 'b",
    "1000000000:1",
    "]}') FROM ninai_memories --",
]


@pytest.mark.parametrize("text_of_attack", INJECTIONS)
async def test_sql_in_any_place_is_text(hybrid: PostgresMemoryProvider, user: str, text_of_attack: str) -> None:
    """Whatever stands in a user's name, a text, a question, a path or a value is stored and compared as it is."""
    await hybrid.remember(user, "tea")
    memory_id = await hybrid.remember(text_of_attack, f"tea {text_of_attack}", {text_of_attack: text_of_attack})

    for where in (
        Eq(text_of_attack, text_of_attack),
        Exists([text_of_attack]),
        Gte(text_of_attack, text_of_attack),
        In(text_of_attack, [text_of_attack, {text_of_attack: 1}]),
    ):
        hits = await hybrid.recall(text_of_attack, f"tea {text_of_attack}", where=where)
        assert [hit.id for hit in hits] == [memory_id]
    assert await hybrid.recall(user, "tea", where=Eq([text_of_attack, text_of_attack], text_of_attack)) == []
    assert [memory.content for memory in await hybrid.list_memories(user)] == ["tea"]


LEAVES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 1.0, 1.5, -0.0, 10**22, 1e22, 1e23, 10**23, 2**53, 2**53 + 1, 1e-7, 0.1,
    "", "a", "B", "b", "1", "true", "null", "ä", "z", "𝄞", "\uffff", "a b", "\u0001",
]  # fmt: skip
COMPARABLE = [leaf for leaf in LEAVES if isinstance(leaf, (str, int, float)) and not isinstance(leaf, bool)]
KEYS = ["a", "b", "c", "0", "-1", "", "a.b"]
MAX_DEPTH = 3
GROUPS = 0.45
PLAIN_FIELDS = 0.5
STEPS = [*KEYS, "1", "00", "+1", "x"]


def random_value(chance: random.Random, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
    """A scalar, or now and then a list or an object of such."""
    kind = chance.random()
    if depth > 2 or kind < 0.6:
        return chance.choice(LEAVES)
    if kind < 0.8:
        return [random_value(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    return {chance.choice(KEYS): random_value(chance, depth + 1) for _ in range(chance.randint(0, 3))}


def random_filter(chance: random.Random, values: list[Any], depth: int = 0) -> Filter:
    """Any condition, with values that do occur."""
    if depth < MAX_DEPTH and chance.random() < GROUPS:
        group = [random_filter(chance, values, depth + 1) for _ in range(chance.randint(1, 3))]
        groups: list[Filter] = [Not(group[0]), And(group), Or(group)]
        return chance.choice(groups)
    field = chance.choice(KEYS) if chance.random() < PLAIN_FIELDS else chance.choices(STEPS, k=chance.randint(1, 3))
    value = chance.choice(COMPARABLE)
    conditions: list[Filter] = [
        Exists(field),
        Eq(field, chance.choice(values)),
        Ne(field, chance.choice(values)),
        In(field, chance.choices(values, k=chance.randint(1, 4))),
        *(Gt(field, value), Gte(field, value), Lt(field, value), Lte(field, value)),
    ]
    return chance.choice(conditions)


@pytest.mark.parametrize("seed", range(6))
async def test_filters_in_sql_agree_with_those_in_memory(words: PostgresMemoryProvider, user: str, seed: int) -> None:
    """For random metadata and random conditions, PostgreSQL finds exactly what the evaluation in memory accepts."""
    chance = random.Random(seed)  # noqa: S311 - a property with known seeds
    values = [random_value(chance) for _ in range(30)] + LEAVES
    metadata = [None, {}, *({key: chance.choice(values) for key in chance.sample(KEYS, 4)} for _ in range(60))]
    answers = await words.remember_many([NewMemory(owner=Owner(user), content="tea", metadata=one) for one in metadata])

    held = 0
    for _ in range(60):
        where = random_filter(chance, values)
        found = {hit.id for hit in await words.recall(user, "tea", 100, where=where)}
        expected = {answer for answer, one in zip(answers, metadata, strict=True) if matches(where, one)}
        assert found == expected, where
        held += 0 < len(expected) < len(metadata)
    assert held > 15
