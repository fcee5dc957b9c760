"""Terms in the database: those that a process finds, beside lexemes that the database found for the version before."""

from collections.abc import Sequence
from math import log
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from providers.native.analysis_queue import AnalysisQueue
from providers.native.analyzed import AnalyzedMemory
from providers.native.engine import open_engine
from providers.native.provider import PostgresMemoryProvider
from providers.native.question_masks import BITS_PER_MASK, MOST_MASKS, QuestionMasks
from providers.native.schema import Schema
from providers.native.search import K1, MAX_QUESTION_LEXEMES, B
from providers.native.terms import (
    BY_DATABASE,
    DIMENSIONS,
    LANGUAGE,
    MOST_TERMS,
    dimension_of,
    memory_terms,
    place_of,
    question_terms,
)
from providers.owners import Owner
from providers.search.stored_analysis import LANGUAGES, analysis_of, stored_analysis
from providers.text.analyzer import Analysis, analyze, question_words
from providers.types import Edit, NewMemory
from tests.providers.native.test_schema import downgraded
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import connected

ANNA = Owner("anna")
BEFORE = "0021"

# What the version before does wherever it stores a memory, and where it changes the content of one.
_FORMER_INSERT = """
    INSERT INTO ninai_memories (user_id, id, version, content, created_at, digest, analysis, terms)
    SELECT 'anna', gen_random_uuid(), place, content, now(), 'd', analysis, ninai_terms(content)
    FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS new (content, analysis, place)
"""
_FORMER_UPDATE = """
    UPDATE ninai_memories SET version = version + 1, content = $1, analysis = NULL, terms = ninai_terms($1)
    WHERE content = $2
"""

_OLD = ("the rivers of Tamil Nadu", "green tea", "a river and a tea house", "Zürich's well-known lakes", "coffee")
_NEW = (
    "a river cruise",
    "tea of the harbour",
    "walking by the lakes",
    "三毛猫が好きです",
    "ผมชอบแมว",
    "nothing at all",
)


async def store_as_before(dsn: str, contents: Sequence[str]) -> None:
    """Store memories of anna as the version before does."""
    async with connected(dsn) as connection:
        await connection.execute(_FORMER_INSERT, list(contents), [stored_analysis(one, None) for one in contents])


async def terms_of(dsn: str, content: str) -> str:
    """What the table has of a memory, as text."""
    async with connected(dsn) as connection:
        found: str = await connection.fetchval("SELECT terms::text FROM ninai_memories WHERE content = $1", content)
        return found


async def parsed(dsn: str) -> int:
    """How many memories have what the database found."""
    async with connected(dsn) as connection:
        found: int = await connection.fetchval(f"SELECT count(*) FROM ninai_memories WHERE {BY_DATABASE}")  # noqa: S608 - a constant
        return found


async def scores_of(provider: PostgresMemoryProvider, question: str) -> dict[str, float]:
    """The score of each memory that a question finds, by its content."""
    return {hit.content: hit.similarity_score or 0.0 for hit in await provider.recall("anna", question, 100)}


async def analyze_all(provider: PostgresMemoryProvider) -> int:
    """Analyze what waits, and return how many memories that were."""
    queue, total = AnalysisQueue(provider._database), 0  # noqa: SLF001 - the queue itself waits for minutes
    while count := await queue.analyze_some():
        total += count
    return total


@pytest.mark.parametrize("term", ["a", "tea", "breakfast", "jira4821", "internationalization", "日本", "แมว", "x" * 99])
async def test_a_term_has_the_dimension_that_the_database_gives_it(database: str, term: str) -> None:
    """So that the version before finds what this one stores, and the other way round."""
    async with connected(database) as connection:
        assert await connection.fetchval("SELECT ninai_lexeme_dimension($1)", term) == dimension_of(term)


@pytest.mark.parametrize(("language", "number"), [(LANGUAGES[0], 1), (LANGUAGES[-1], len(LANGUAGES))])
async def test_the_language_changes_nothing_but_itself(database: str, language: str, number: int) -> None:
    """Neither the length of a memory nor what it shares with a question."""
    terms = memory_terms(map(place_of, ("tea", "river", "tea")), language)
    question = question_terms({dimension_of("tea"): 1, dimension_of("river"): 4, dimension_of("lake"): 2})
    async with open_engine(database, pool_size=1) as engine, engine.connect() as connection:
        row = await connection.execute(
            text(f"""
                SELECT l2_norm(terms) ^ 2, -(terms <#> CAST(:question AS sparsevec)), {LANGUAGE},
                    {LANGUAGE.replace("terms", "ninai_terms('tea')")}
                FROM (SELECT CAST(:terms AS sparsevec)) AS given (terms)
            """),  # noqa: S608 - constants
            {"terms": terms, "question": question},
        )
        assert tuple(row.one()) == (pytest.approx(2), 5, number, 0)


async def test_very_many_terms_are_cut(database: str) -> None:
    """A vector holds 16,000 numbers; a memory with more terms is found by the first ones."""
    content = " ".join(chr(0x4E00 + number) + chr(0x4E01 + number) for number in range(MOST_TERMS + 1000))
    async with open_engine(database, pool_size=1) as engine, engine.connect() as connection:
        counted = text("SELECT l2_norm(CAST(:terms AS sparsevec)) ^ 2")
        values = {"terms": AnalyzedMemory.of(content, None).terms}
        assert round(await connection.scalar(counted, values)) == MOST_TERMS
        values = {"terms": AnalyzedMemory.of("", None).terms}
        assert round(await connection.scalar(counted, values)) == 0


async def test_a_process_gives_the_terms_of_what_it_stores(database: str) -> None:
    """The analyzer's, with the speaker; the database parses nothing."""
    async with open_native_provider(database, recall_cache_mb=0) as provider:
        await provider.store_many(
            [NewMemory(owner=ANNA, content="the green teas", speaker="Anja", memory_id=str(uuid4()))]
        )
        await provider.store_many([NewMemory(owner=ANNA, content="black tea", key="k", memory_id=str(uuid4()))])

        assert await parsed(database) == 0
        assert f"{dimension_of('tea')}:1" in await terms_of(database, "the green teas")
        assert set(await scores_of(provider, "what did Anja say?")) == {"the green teas"}
        assert set(await scores_of(provider, "tea")) == {"the green teas", "black tea"}


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("三毛猫が好きです", "三毛猫"),
        ("我昨天买了一辆自行车", "自行车在哪里"),
        ("ผมชอบแมวสีดำ", "แมว"),
        ("우리 고양이는 까맣다", "고양이"),
        ("Wir haben zwei Häuser in der Stadt gekauft", "Haus"),
        ("Я люблю свою собаку", "собака"),
        ("call getUserById first", "user"),
    ],
)
async def test_words_are_found_in_any_script_and_language(database: str, content: str, question: str) -> None:
    """Also where the database's own parser saw one word in a whole sentence, or English in any language."""
    async with open_native_provider(database, recall_cache_mb=0) as provider:
        await provider.remember("anna", content)
        await provider.remember("anna", "nothing of the kind")

        assert set(await scores_of(provider, question)) == {content}


async def test_an_edit_gives_its_terms(database: str) -> None:
    """What is known of the memory meanwhile; the name of its speaker comes with the analysis."""
    async with open_native_provider(database, recall_cache_mb=0) as provider:
        memory_id = str(uuid4())
        await provider.store_many([NewMemory(owner=ANNA, content="green tea", speaker="Anja", memory_id=memory_id)])
        before = await terms_of(database, "green tea")
        await provider.update("anna", memory_id, metadata={"hot": True})
        assert await terms_of(database, "green tea") == before
        await provider.update("anna", memory_id, content="三毛猫")

        assert await parsed(database) == 0
        assert set(await scores_of(provider, "毛猫")) == {"三毛猫"}
        assert await scores_of(provider, "tea") == {}
        assert set(await scores_of(provider, "Anja")) == set()
        assert await analyze_all(provider) == 1
        assert set(await scores_of(provider, "Anja")) == {"三毛猫"}
        await provider.change(Edit(owner=ANNA, memory_id=memory_id, content="a lake", speaker="Zoë"))
        assert set(await scores_of(provider, "zoe")) == {"a lake"}


async def test_the_version_before_goes_on_writing(database: str) -> None:
    """What it stores or changes is found at once, and has the analyzer's terms later."""
    async with open_native_provider(database, recall_cache_mb=0) as provider:
        await store_as_before(database, ["green teas", "三毛猫が好きです"])
        await provider.remember("anna", "black coffee")
        async with connected(database) as connection:
            await connection.execute(_FORMER_UPDATE, "rivers", "black coffee")

        assert await parsed(database) == 3
        assert set(await scores_of(provider, "a tea")) == {"green teas"}
        assert set(await scores_of(provider, "river")) == {"rivers"}
        assert await scores_of(provider, "三毛猫") == {}
        assert await analyze_all(provider) == 3
        assert await parsed(database) == 0
        assert await terms_of(database, "rivers") == await written(database, analyze("rivers"))
        assert set(await scores_of(provider, "a tea")) == {"green teas"}
        assert set(await scores_of(provider, "三毛猫")) == {"三毛猫が好きです"}
        assert await analyze_all(provider) == 0


async def written(dsn: str, analysis: Analysis) -> str:
    """The text of a memory's terms."""
    async with open_engine(dsn, pool_size=1) as engine, engine.connect() as connection:
        values = {"terms": memory_terms(map(place_of, analysis.terms), analysis.language)}
        return str(await connection.scalar(text("SELECT CAST(CAST(:terms AS sparsevec) AS text)"), values))


async def test_the_version_before_finds_what_this_one_stores(database: str) -> None:
    """Its question is parsed by the database, and meets the same dimensions; a downgrade makes the lexemes of all."""
    shared = "SELECT content FROM ninai_memories, ninai_question('tea with the rivers', 48) WHERE terms::text ~ $1"
    async with open_native_provider(database) as provider:
        await provider.remember_many([NewMemory(owner=ANNA, content=one) for one in _NEW])
        await store_as_before(database, _OLD)
    async with connected(database) as connection:
        found = await connection.fetch(shared.replace("$1", r"('\m' || dimension || ':1\M')"))
        assert {row["content"] for row in found} >= {"a river cruise", "tea of the harbour"}
        async with open_engine(database, pool_size=1) as engine:
            await downgraded(engine, Schema(engine), BEFORE)
        same = "SELECT bool_and(terms = ninai_terms(content)) FROM ninai_memories"
        assert await connection.fetchval(same) is True
        async with open_engine(database, pool_size=1) as engine:
            await Schema(engine).upgrade()
    assert await parsed(database) == len(_OLD) + len(_NEW)
    async with open_native_provider(database, recall_cache_mb=0) as provider:
        assert await analyze_all(provider) == len(_OLD) + len(_NEW)


async def test_what_the_database_parsed_is_found_by_an_index(database: str) -> None:
    """Looking for it costs nothing where there is none, however many memories there are."""
    async with open_native_provider(database) as provider, provider._database.transaction() as connection:  # noqa: SLF001 - as above
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        explained = await connection.scalars(text(f"EXPLAIN SELECT id FROM ninai_memories WHERE {BY_DATABASE} LIMIT 9"))  # noqa: S608 - a constant
        plan = "\n".join(explained)
    assert "Filter" not in plan
    assert "Index" in plan


def formula(asked: Sequence[dict[str, Any]], held: Sequence[tuple[bool, set[str]]]) -> list[float]:
    """The score of each memory by its words, without masks, sparse vectors or an index.

    A word has the terms it is looked up under in memories of each kind, none of which it is not asked.
    """
    count, average = len(held), sum(len(words) for _, words in held) / len(held)
    hits = [[bool(word[kind] & words) for word in asked] for kind, words in ((_kind(one), two) for one, two in held)]
    frequency = [sum(column) for column in zip(*hits, strict=True)]
    idf = [log(1 + (count - df + 0.5) / (df + 0.5)) for df in frequency]
    scores = []
    for (analyzed, words), row in zip(held, hits, strict=True):
        counted = [
            bool(word[_kind(analyzed)]) and not (analyzed and word["may_be_empty"] and not df)
            for word, df in zip(asked, frequency, strict=True)
        ]
        whole = sum(one for one, counts in zip(idf, counted, strict=True) if counts)
        share = sum(one for one, hit in zip(idf, row, strict=True) if hit) / whole if whole else 0.0
        scores.append(share * (1 + K1 * (1 - B)) / (1 + K1 * (1 - B + B * len(words) / average)))
    return scores


def _kind(analyzed: bool) -> str:  # noqa: FBT001 - a choice of one of two names
    return "terms" if analyzed else "lexemes"


async def lexemes_of(connection: asyncpg.Connection, content: str) -> list[str]:
    """What PostgreSQL's parser finds."""
    found: list[str] = await connection.fetchval(
        "SELECT tsvector_to_array(to_tsvector('pg_catalog.english', $1))", content
    )
    return found


async def asked_of(connection: asyncpg.Connection, question: str) -> list[dict[str, Any]]:
    """The words of a question for `formula`; all memories are in English."""
    left = set(await lexemes_of(connection, question))
    asked: list[dict[str, Any]] = []
    for word in question_words(question):
        lexemes = set(await lexemes_of(connection, word.text)) & left
        left -= lexemes
        terms = set(word.terms(["english"]))
        asked.append({"terms": terms, "lexemes": lexemes, "may_be_empty": word.may_be_empty})
    return [*asked, *({"terms": set(), "lexemes": {one}, "may_be_empty": False} for one in sorted(left))]


QUESTIONS = (
    "tea",
    "rivers",
    "river river rivers",
    "tea by the lakes of a river",
    "a well-known lake",
    "三毛猫",
    "どの三毛猫 tea",
    "en la casa del tea",
    "https://example.com/tea?x=1 river",
    "parties part of the house",
)


@pytest.mark.parametrize(("old", "new"), [(_OLD, _NEW), (_OLD, ()), ((), _NEW)], ids=["both", "old", "new"])
async def test_both_kinds_answer_one_question(database: str, old: Sequence[str], new: Sequence[str]) -> None:
    """A word is as rare as all memories make it, whoever found it there; each kind is scored by its own words."""
    async with open_native_provider(database, recall_cache_mb=0) as provider, connected(database) as connection:
        if old:
            await store_as_before(database, old)
        for content in new:
            await provider.remember("anna", content)
        held = [(False, set(await lexemes_of(connection, one))) for one in old]
        held += [(True, set(analysis_of(one, None).terms)) for one in new]

        for question in QUESTIONS:
            expected = formula(await asked_of(connection, question), held)
            wanted = {one: score for one, score in zip((*old, *new), expected, strict=True) if score}
            assert await scores_of(provider, question) == pytest.approx(wanted, abs=1e-6), question


async def test_old_memories_have_the_words_of_a_long_question(database: str) -> None:
    """The first 48 lexemes count, over both masks."""
    names = [f"word{number:03}" for number in range(60)]
    await store_as_before(database, names)
    async with open_native_provider(database, recall_cache_mb=0) as provider:
        scores = await scores_of(provider, " ".join(names))

    assert set(scores) == set(names[:MAX_QUESTION_LEXEMES])
    assert len({round(score, 12) for score in scores.values()}) == 1


async def test_a_vector_alone_decides_where_a_question_has_no_word_for_a_memory(database: str) -> None:
    """A question that has words for one kind only still compares the vectors of the other."""
    async with open_native_provider(database, HashingEmbedder(), recall_cache_mb=0) as provider:
        await provider.remember("anna", "to be or not")
        assert await scores_of(provider, "or not") == {"to be or not": pytest.approx(await cosine(), abs=0.01)}


async def cosine() -> float:
    """How near the two texts are."""
    one, two = await HashingEmbedder().embed(["to be or not", "or not"])
    return float(one @ two)


@pytest.mark.parametrize("count", [0, 1, 12, 13, 24, 25, 49, 97, 300])
def test_words_have_bits_of_their_own(count: int) -> None:
    """No two words share one, none is cut in two, and those that have no room are left out."""
    found = QuestionMasks.of(" ".join(f"z{chr(97 + n // 26)}{chr(97 + n % 26)}q running" for n in range(count)))

    bits = [bit for shift, width in zip(found.shifts, found.widths, strict=True) for bit in range(shift, shift + width)]
    assert bits == sorted(set(bits))
    assert all(bit < MOST_MASKS * BITS_PER_MASK for bit in bits)
    assert all(
        shift // BITS_PER_MASK == (shift + width - 1) // BITS_PER_MASK
        for shift, width in zip(found.shifts, found.widths, strict=True)
    )
    assert len(found.masks) in {2, MOST_MASKS}
    assert all(mask is None or len(mask) == len(LANGUAGES) for mask in found.masks)
    assert min(count, 48) <= len(found.lexemes) <= count + 1


def test_at_least_48_words_are_looked_up() -> None:
    """Also where each has two bits."""
    words = [f"{first}{second}nings" for first in "bcdfghjk" for second in "aeiouyz"]
    assert len(QuestionMasks.of(" ".join(words)).lexemes) >= 48


def test_dimensions_are_within_bounds() -> None:
    """Those that pgvector allows."""
    assert all(1 <= dimension_of(str(UUID(int=number))) <= DIMENSIONS for number in range(1000))
