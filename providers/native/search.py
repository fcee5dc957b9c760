"""Hybrid recall: one statement that scores all of a user's memories by vector and by words.

Each row's terms are a binary sparse vector. Its inner product with a vector of the question is a bit mask of the words
that both have (`providers/native/question_masks.py`): one pass over one index gives the cosine, the matches, the
length, and, counted over the masks, how rare each word is among this user's memories.

    idf(t)  = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5))                    Robertson and Zaragoza, "The Probabilistic
    words   = sum of matched idf / sum of all idf                          Relevance Framework: BM25 and Beyond" (2009),
              * (1 + k1 (1 - b)) / (1 + k1 (1 - b + b len / avg len))      with tf = 1, scaled into [0, 1]
    score   = w max(cosine, 0) + (1 - w) words

Without a vector on either side the score is `words`; for a question without words it is the cosine.

Rows that the version before stored have the lexemes that PostgreSQL's parser found, until the analysis queue comes to
them. What they are asked for is parsed in the same way, with one bit for each lexeme. A lexeme that is the stem of a
word is that word: it is as rare as both kinds of rows make it.
"""

from functools import lru_cache

from providers.answer_size import may_exceed
from providers.embedders.base import Vector
from providers.native.bounded_answers import bounded_recall
from providers.native.columns import RECORD, names
from providers.native.conditions_sql import conditions_sql
from providers.native.halves import to_half
from providers.native.question_masks import BITS_PER_MASK, QuestionMasks
from providers.native.terms import DIMENSIONS, LANGUAGE
from providers.native.wall import within
from providers.postgres.bound_sql import Binding, BoundSql
from providers.types import RecallQuery

# Lexemes of a question that are matched, in the order they stand in it: two masks in one bigint.
MAX_QUESTION_LEXEMES = 2 * BITS_PER_MASK

K1 = 1.2
B = 0.4  # memories are short, so length says little about how much of one is about the question


# The values that every statement has.
_USER, _QUERY, _LIMIT, _MIN_SCORE, _WEIGHT = "$1", "$2", "$3", "$4", "$5"
_WITHIN = within("CAST($6 AS text)")
_WORDS = "CAST($7 AS int[]), CAST($8 AS bool[]), CAST($9 AS int[]), CAST($10 AS int[])"


def recall_statement(query: RecallQuery, vectors: dict[str, Vector], vector_weight: float) -> BoundSql:
    """Return the statement; `vectors` maps embedding models to the question's float32[dim] in each."""
    asked = QuestionMasks.of(query.query)
    words = asked.lexemes, asked.may_be_empty, asked.shifts, asked.widths
    plain = query.owner.key, query.query, query.limit, query.min_score, vector_weight, query.owner.tenant
    binding = Binding((*plain, *words))
    bind = binding.bind
    masks = tuple(bind(mask, "sparsevec[]") for mask in asked.masks)
    conditions = conditions_sql(query, bind)
    # While an embedder is exchanged, the former one answers until its vectors are dropped; no index has those.
    columns = [("former_model", "former_embedding")] if len(vectors) > 1 else []
    cosines = " ".join(
        f"WHEN {name} = {bind(model, 'text')} AND vector_dims({column}) = {bind(len(vector), 'int')}"
        f" THEN 1 - ({column} <=> {bind(to_half(vector), 'halfvec')})"
        for name, column in [*columns, ("embedding_model", "embedding")]
        for model, vector in vectors.items()
    )
    bounded = may_exceed(query.limit, query.most_bytes)
    most_bytes = bind(query.most_bytes, "bigint") if bounded else None
    return binding.of(_text(cosines, " AND ".join(conditions) or "true", masks, most_bytes))


_ANSWER = f"""
    SELECT {names(RECORD, "m.")}, best.score
    FROM best JOIN ninai_memories AS m ON m.user_id = {_USER} AND m.id = best.id
    WHERE {_WITHIN} AND m.deleted_at IS NULL
    ORDER BY best.score DESC, m.created_at DESC, m.id DESC
"""  # noqa: S608 - joined from constants


@lru_cache(maxsize=256)
def _text(cosines: str, eligible: str, masks: tuple[str, ...], most_bytes: str | None) -> str:
    """Only fixed fragments are joined here; every value is bound."""
    pairs = [masks[start : start + 2] for start in range(0, len(masks), 2)]
    names = [f"mask_{place}" for place in range(len(pairs))]
    by_mask = ", ".join(["analyzed", *names])
    of_lexemes = [_pair("(SELECT low FROM question)", "(SELECT high FROM question)"), *["0"] * len(pairs)]
    matched = ", ".join(
        f"CASE WHEN language > 0 THEN {_pair(*(f'({one})[language]' for one in pair))} ELSE {lexemes} END AS {name}"
        for pair, name, lexemes in zip(pairs, names, of_lexemes, strict=False)
    )
    # The offset keeps the planner from computing the language wherever it is named.
    scan = f"""
        SELECT id, created_at, eligible, length, cosine, language > 0 AS analyzed, {matched}
        FROM (
            SELECT id, created_at, {eligible} AS eligible, l2_norm(terms) ^ 2 AS length,
                {f"CASE {cosines} END" if cosines else "CAST(NULL AS float8)"} AS cosine,
                terms, CAST({LANGUAGE} AS int) AS language
            FROM ninai_memories WHERE {_WITHIN} AND user_id = {_USER} AND deleted_at IS NULL AND NOT wide OFFSET 0
        ) AS found"""  # noqa: S608 - see the docstring
    return f"""
    WITH word AS MATERIALIZED (
        SELECT * FROM unnest({_WORDS}) WITH ORDINALITY AS asked (dimension, may_be_empty, shift, width, place)
    ), lexeme AS MATERIALIZED (
        SELECT parsed.dimension, parsed.slot, min(word.place) AS place
        FROM ninai_question(CAST({_QUERY} AS text), {MAX_QUESTION_LEXEMES}) AS parsed LEFT JOIN word USING (dimension)
        GROUP BY parsed.dimension, parsed.slot
    ), question AS MATERIALIZED (
        SELECT {_mask_vector(0)} AS low,
            CASE WHEN max(slot) >= {BITS_PER_MASK} THEN {_mask_vector(1)} END AS high  -- seldom, and then not for free
        FROM lexeme
    ), asked AS MATERIALIZED (
        SELECT row_number() OVER () AS number, may_be_empty, slot, shift / {2 * BITS_PER_MASK} AS mask,
            CAST((1 << width) - 1 AS bigint) << (shift % {2 * BITS_PER_MASK}) AS bits
        FROM word FULL JOIN lexeme USING (place)
    ), scan AS MATERIALIZED (
        {scan}
        UNION ALL
        {scan.replace("NOT wide OFFSET", "wide OFFSET")}
    ), corpus AS MATERIALIZED (
        SELECT CAST(count(*) AS float8) AS size, greatest(avg(length), 1) AS average FROM scan
    ), shared AS MATERIALIZED (
        SELECT {by_mask}, count(*) AS size FROM scan WHERE {" + ".join(names)} > 0 GROUP BY {by_mask}
    ), held AS MATERIALIZED (
        SELECT number, {by_mask}, size FROM shared JOIN asked
            ON CASE WHEN analyzed THEN ({_chosen(names)} & bits) <> 0 ELSE (mask_0 >> slot) & 1 = 1 END
    ), frequency AS MATERIALIZED (
        SELECT number, CAST(coalesce(sum(held.size), 0) AS float8) AS df
        FROM asked LEFT JOIN held USING (number) GROUP BY number
    ), rarity AS MATERIALIZED (
        SELECT number, ln(1 + (size - df + 0.5) / (df + 0.5)) AS idf,
            bits IS NOT NULL AND (df > 0 OR NOT may_be_empty) AS is_word, slot IS NOT NULL AS is_lexeme
        FROM frequency JOIN asked USING (number) CROSS JOIN corpus
    ), whole AS MATERIALIZED (
        SELECT true AS analyzed, sum(idf) AS total FROM rarity WHERE is_word
        UNION ALL
        SELECT false, sum(idf) FROM rarity WHERE is_lexeme
    ), matched AS (
        SELECT {by_mask}, sum(idf) AS sum FROM held JOIN rarity USING (number) GROUP BY {by_mask}
    ), judged AS (
        SELECT id, created_at, nullif(cosine, 'NaN') AS cosine, total IS NOT NULL AS has_words,
            coalesce(sum / total, 0) * {1 + K1 * (1 - B)} / (1 + {K1} * ({1 - B} + {B} * length / average)) AS words
        FROM scan CROSS JOIN corpus JOIN whole USING (analyzed) LEFT JOIN matched USING ({by_mask}) WHERE eligible
    ), scored AS (
        SELECT id, created_at, least(1, CASE
            WHEN cosine IS NULL THEN words
            WHEN NOT has_words THEN greatest(cosine, 0)
            ELSE CAST({_WEIGHT} AS float8) * greatest(cosine, 0) + (1 - CAST({_WEIGHT} AS float8)) * words
        END) AS score FROM judged
    ), best AS (
        SELECT id, score FROM scored WHERE score > 0 AND score >= CAST({_MIN_SCORE} AS float8)
        ORDER BY score DESC, created_at DESC, id DESC LIMIT CAST({_LIMIT} AS int)
    )
    {_ANSWER if most_bytes is None else bounded_recall(_ANSWER, most_bytes)}
    """  # noqa: S608 - see the docstring


def _pair(low: str, high: str) -> str:
    """Return the masks, in SQL, that the products with two vectors are, as one number; a missing vector has none."""
    low, high = (f"coalesce(CAST(-(terms <#> {vector}) AS bigint), 0)" for vector in (low, high))
    return f"{low} + ({high} << {BITS_PER_MASK})"


def _chosen(names: list[str]) -> str:
    """Return the mask, in SQL, that has the bits of a word."""
    return f"CASE mask {' '.join(f'WHEN {place} THEN {name}' for place, name in enumerate(names))} END"


def _mask_vector(half: int) -> str:
    """Return a sparse vector, in SQL, that holds 2^i at the i-th lexeme of this half of the question."""
    first = half * BITS_PER_MASK
    return (
        f"CAST('{{' || coalesce(string_agg(dimension || ':' || (1 << (slot - {first})), ',')"
        f" FILTER (WHERE slot >= {first} AND slot < {first + BITS_PER_MASK}), '') || '}}/{DIMENSIONS}' AS sparsevec)"
    )
