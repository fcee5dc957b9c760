"""Memories, partitioned by user, with their vectors and lexemes.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARTITIONS = 16

# A lexeme is one dimension of a sparse vector: its hash, in pgvector's largest dimension count. `hashtext` is what
# PostgreSQL's own hash indexes and hash partitions rest on, so it stays the same across versions.
LEXEME_DIMENSION = """
CREATE FUNCTION ninai_lexeme_dimension(lexeme text) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ((hashtext(lexeme) & 2147483647) % 1000000000) + 1
"""

# The distinct lexemes of a text as a binary sparse vector; 16,000 is all that pgvector lets one hold.
TERMS = r"""
CREATE FUNCTION ninai_terms(content text) RETURNS sparsevec
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT ('{' || coalesce(string_agg(dimension || '\:1', ','), '') || '}/1000000000')::sparsevec
    FROM (
        SELECT DISTINCT ninai_lexeme_dimension(lexeme) AS dimension
        FROM unnest(tsvector_to_array(to_tsvector('pg_catalog.english'::regconfig, content))) AS lexeme
        LIMIT 16000
    ) AS distinct_dimensions
)
"""

# The lexemes of a question in the order they were asked, numbered from 0.
QUESTION = """
CREATE FUNCTION ninai_question(query text, most int) RETURNS TABLE (dimension int, slot int)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT first.dimension, (row_number() OVER (ORDER BY first.place, first.dimension) - 1)::int
    FROM (
        SELECT ninai_lexeme_dimension(entry.lexeme) AS dimension, min(entry.positions[1]) AS place
        FROM unnest(to_tsvector('pg_catalog.english'::regconfig, query)) AS entry
        GROUP BY 1 ORDER BY 2, 1 LIMIT most
    ) AS first;
END
"""

# Every key starts with user_id, so that the table can be distributed by it. A tombstone keeps ids and version only.
# `wide` marks rows that would not fit a B-tree entry (about 2,700 bytes); they are searched in the heap.
MEMORIES = """
CREATE TABLE ninai_memories (
    user_id text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    content text,
    metadata jsonb,
    digest bytea,
    edits uuid[] NOT NULL DEFAULT '{}',
    embedding_model text COLLATE "C",
    embedding_dims int GENERATED ALWAYS AS (vector_dims(embedding)) STORED,
    embedding halfvec,
    terms sparsevec,
    wide boolean GENERATED ALWAYS AS (
        coalesce(l2_norm(terms) ^ 2 * 8, 0) + coalesce(vector_dims(embedding) * 2, 0)
        + octet_length(user_id) + coalesce(octet_length(embedding_model), 0) > 2400
    ) STORED,
    PRIMARY KEY (user_id, id),
    CONSTRAINT ninai_memories_live CHECK (
        deleted_at IS NOT NULL
        OR (created_at IS NOT NULL AND content IS NOT NULL AND digest IS NOT NULL AND terms IS NOT NULL)
    ),
    CONSTRAINT ninai_memories_tombstone CHECK (
        deleted_at IS NULL
        OR (content IS NULL AND metadata IS NULL AND digest IS NULL AND embedding IS NULL AND terms IS NULL)
    ),
    CONSTRAINT ninai_memories_model CHECK ((embedding IS NULL) = (embedding_model IS NULL))
) PARTITION BY HASH (user_id)
"""

INDEXES = (
    # Everything that scoring reads, so that a recall is one index-only scan over one user's entries.
    """
    CREATE INDEX ninai_memories_search ON ninai_memories
    (user_id, id) INCLUDE (created_at, embedding_model, embedding, terms)
    WHERE deleted_at IS NULL AND NOT wide
    """,
    "CREATE INDEX ninai_memories_wide ON ninai_memories (user_id, id) WHERE deleted_at IS NULL AND wide",
    "CREATE INDEX ninai_memories_list ON ninai_memories (user_id, created_at, id) WHERE deleted_at IS NULL",
    "CREATE INDEX ninai_memories_model ON ninai_memories (embedding_model) WHERE deleted_at IS NULL",
)


def upgrade() -> None:
    """Create the table, its partitions, functions and indexes."""
    # Citus asks for the owner of the extension also where it is there already.
    if not op.get_bind().scalar(sa.text("SELECT true FROM pg_extension WHERE extname = 'vector'")):
        op.execute("CREATE EXTENSION vector")
    op.execute(LEXEME_DIMENSION)
    op.execute(TERMS)
    op.execute(QUESTION)
    op.execute(MEMORIES)
    for remainder in range(PARTITIONS):
        # Index-only scans need vacuumed pages, so inserts must trigger a vacuum earlier than by default.
        op.execute(
            f"CREATE TABLE ninai_memories_{remainder:02} PARTITION OF ninai_memories"
            f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {remainder})"
            " WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_scale_factor = 0.05)"
        )
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    """Remove everything this revision made; the memories go with it."""
    op.execute("DROP TABLE ninai_memories")
    op.execute("DROP FUNCTION ninai_question(text, int)")
    op.execute("DROP FUNCTION ninai_terms(text)")
    op.execute("DROP FUNCTION ninai_lexeme_dimension(text)")
