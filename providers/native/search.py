"""Hybrid recall: one statement that scores all of a user's memories by vector and by words.

Each row's lexemes are a binary sparse vector. Its inner product with a vector that holds 2^i at the question's i-th
lexeme is a bit mask of the lexemes they share: one pass over one index gives the cosine, the matches, the length,
and, counted over the masks, how rare each lexeme is among this user's memories.

    idf(t)  = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5))                    Robertson and Zaragoza, "The Probabilistic
    words   = sum of matched idf / sum of all idf                          Relevance Framework: BM25 and Beyond" (2009),
              * (1 + k1 (1 - b)) / (1 + k1 (1 - b + b len / avg len))      with tf = 1, scaled into [0, 1]
    score   = w max(cosine, 0) + (1 - w) words

Without a vector on either side the score is `words`; for a question without lexemes it is the cosine.
"""

from functools import lru_cache

from providers.answer_size import may_exceed
from providers.embedders.base import Vector
from providers.native.bounded_answers import bounded_recall
from providers.native.columns import RECORD, names
from providers.native.conditions_sql import conditions_sql
from providers.native.halves import to_half
from providers.native.wall import within
from providers.postgres.bound_sql import Binding, BoundSql
from providers.types import RecallQuery

# A float32 holds integers exactly up to 2^24, and pgvector sums an inner product in float32.
_BITS_PER_MASK = 24

# Lexemes of a question that are matched, in the order they stand in it: two masks in one bigint.
MAX_QUESTION_LEXEMES = 2 * _BITS_PER_MASK

K1 = 1.2
B = 0.4  # memories are short, so length says little about how much of one is about the question


# The values that every statement has.
_USER, _QUERY, _LIMIT, _MIN_SCORE, _WEIGHT = "$1", "$2", "$3", "$4", "$5"
_WITHIN = within("CAST($6 AS text)")


def recall_statement(query: RecallQuery, vectors: dict[str, Vector], vector_weight: float) -> BoundSql:
    """Return the statement; `vectors` maps embedding models to the question's float32[dim] in each."""
    binding = Binding((query.owner.key, query.query, query.limit, query.min_score, vector_weight, query.owner.tenant))
    bind = binding.bind
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
    return binding.of(_text(cosines, " AND ".join(conditions) or "true", most_bytes))


_ANSWER = f"""
    SELECT {names(RECORD, "m.")}, best.score
    FROM best JOIN ninai_memories AS m ON m.user_id = {_USER} AND m.id = best.id
    WHERE {_WITHIN} AND m.deleted_at IS NULL
    ORDER BY best.score DESC, m.created_at DESC, m.id DESC
"""  # noqa: S608 - joined from constants


@lru_cache(maxsize=256)
def _text(cosines: str, eligible: str, most_bytes: str | None) -> str:
    """Only fixed fragments are joined here; every value is bound."""
    scan = f"""
        SELECT id, created_at, {eligible} AS eligible, l2_norm(terms) ^ 2 AS length,
            {f"CASE {cosines} END" if cosines else "CAST(NULL AS float8)"} AS cosine,
            CAST(-(terms <#> (SELECT low FROM question)) AS bigint)
                + coalesce(CAST(-(terms <#> (SELECT high FROM question)) AS bigint) << {_BITS_PER_MASK}, 0) AS mask
        FROM ninai_memories WHERE {_WITHIN} AND user_id = {_USER} AND deleted_at IS NULL"""  # noqa: S608 - see the docstring
    return f"""
    WITH lexeme AS MATERIALIZED (
        SELECT dimension, slot FROM ninai_question(CAST({_QUERY} AS text), {MAX_QUESTION_LEXEMES})
    ), question AS MATERIALIZED (
        SELECT {_mask_vector(0)} AS low,
            CASE WHEN max(slot) >= {_BITS_PER_MASK} THEN {_mask_vector(1)} END AS high  -- seldom, and then not for free
        FROM lexeme
    ), scan AS MATERIALIZED (
        {scan} AND NOT wide
        UNION ALL
        {scan} AND wide
    ), corpus AS MATERIALIZED (
        SELECT CAST(count(*) AS float8) AS size, greatest(avg(length), 1) AS average FROM scan
    ), shared AS MATERIALIZED (
        SELECT mask, count(*) AS size FROM scan WHERE mask <> 0 GROUP BY mask
    ), frequency AS MATERIALIZED (
        SELECT slot, CAST(coalesce(sum(shared.size), 0) AS float8) AS df
        FROM lexeme LEFT JOIN shared ON (shared.mask >> slot) & 1 = 1 GROUP BY slot
    ), rarity AS MATERIALIZED (
        SELECT slot, ln(1 + (size - df + 0.5) / (df + 0.5)) AS idf FROM frequency, corpus
    ), matched AS (
        SELECT mask, sum(idf) / (SELECT sum(idf) FROM rarity) AS share
        FROM shared JOIN rarity ON (mask >> slot) & 1 = 1 GROUP BY mask
    ), judged AS (
        SELECT id, created_at, nullif(cosine, 'NaN') AS cosine,
            coalesce(share, 0) * {1 + K1 * (1 - B)} / (1 + {K1} * ({1 - B} + {B} * length / average)) AS words
        FROM scan CROSS JOIN corpus LEFT JOIN matched USING (mask) WHERE eligible
    ), scored AS (
        SELECT id, created_at, least(1, CASE
            WHEN cosine IS NULL THEN words
            WHEN NOT EXISTS (SELECT FROM lexeme) THEN greatest(cosine, 0)
            ELSE CAST({_WEIGHT} AS float8) * greatest(cosine, 0) + (1 - CAST({_WEIGHT} AS float8)) * words
        END) AS score FROM judged
    ), best AS (
        SELECT id, score FROM scored WHERE score > 0 AND score >= CAST({_MIN_SCORE} AS float8)
        ORDER BY score DESC, created_at DESC, id DESC LIMIT CAST({_LIMIT} AS int)
    )
    {_ANSWER if most_bytes is None else bounded_recall(_ANSWER, most_bytes)}
    """  # noqa: S608 - see the docstring


def _mask_vector(half: int) -> str:
    """Return a sparse vector, in SQL, that holds 2^i at the i-th lexeme of this half of the question."""
    first = half * _BITS_PER_MASK
    return (
        f"CAST('{{' || coalesce(string_agg(dimension || ':' || (1 << (slot - {first})), ',')"
        f" FILTER (WHERE slot >= {first} AND slot < {first + _BITS_PER_MASK}), '') || '}}/1000000000' AS sparsevec)"
    )
