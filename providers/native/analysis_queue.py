"""The analysis queue: a background task that analyzes memories stored without an analysis of this version.

They were stored by an earlier version, or their text was edited. Until then an index analyzes them as it loads, and the
database has the words that its own parser found in them, or that an edit knew of. Those in which only the database's
words are old come last.
"""

import asyncio
from typing import Any

import structlog
from sqlalchemy import Row, text

from providers.errors import Misconfigured, ProviderError
from providers.native.analyzed import AnalyzedMemory, analysis_column, terms_column
from providers.native.database import Database
from providers.native.statements import UPDATED
from providers.native.terms import BY_DATABASE
from providers.native.wall import ALL
from providers.postgres.translate import UnexpectedSqlState
from providers.text.analyzer import ANALYZER_VERSION
from providers.timing.turns import in_turns

BATCH = 200  # memories

START_SECONDS = 10.0  # after the start of a process, which has other work
IDLE_SECONDS = 60.0  # between looks while none waits; nothing but speed depends on it
RETRY_SECONDS = 5.0  # after the database failed

_log = structlog.get_logger(__name__)

# The condition of the index `ninai_memories_unanalyzed`. What a newer version has analyzed is left alone.
UNANALYZED = f"deleted_at IS NULL AND coalesce(get_byte(analysis, 0), 0) < {ANALYZER_VERSION}"

WAITING, PARSED = (
    text(f"""
        SELECT user_id, id, version, content, speaker FROM ninai_memories
        WHERE {ALL} AND {condition}
        LIMIT CAST(:limit AS int)
    """)  # noqa: S608 - joined from constants
    for condition in (UNANALYZED, BY_DATABASE)
)

# Only if the memory is still the one that was analyzed. What a newer version has analyzed keeps that.
SET_ANALYSES = text(f"""
    UPDATE ninai_memories AS m
    SET analysis = CASE WHEN {UNANALYZED} THEN new.found ELSE m.analysis END, terms = new.words
    FROM unnest(
        CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:analyses AS bytea[]),
        CAST(:words AS sparsevec[])
    ) AS new (user_id, id, version, found, words)
    WHERE {ALL} AND {UPDATED} AND m.user_id = new.user_id AND m.id = new.id AND m.version = new.version
        AND ({UNANALYZED} OR {BY_DATABASE})
""")  # noqa: S608 - joined from constants


class AnalysisQueue:
    """Analyze what waits, batch by batch, and rest after each for as long as it took."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Work until cancelled."""
        now = asyncio.get_running_loop().time
        await asyncio.sleep(START_SECONDS)
        while True:
            started = now()
            try:
                count = await self.analyze_some()
            except Misconfigured as error:  # a role that may not change memories, or a schema without the column
                _log.debug("analysis_postponed", reason=str(error))
                await asyncio.sleep(IDLE_SECONDS)
            except ProviderError as error:
                _log.debug("analysis_postponed", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except UnexpectedSqlState:
                _log.exception("analysis_failed")
                await asyncio.sleep(IDLE_SECONDS)
            else:
                if count:
                    _log.info("analyzed_later", count=count)
                await asyncio.sleep(now() - started if count == BATCH else IDLE_SECONDS)

    async def analyze_some(self) -> int:
        """Analyze one batch; return how many memories it had."""
        rows = await self._database.rows(WAITING, {"limit": BATCH})
        if not rows:
            rows = await self._database.rows(PARSED, {"limit": BATCH})
        if rows:
            found = await in_turns(_columns_of, rows)
            values = {
                "user_ids": [row.user_id for row in rows],
                "ids": [row.id for row in rows],
                "versions": [row.version for row in rows],
                "analyses": [analysis for analysis, _ in found],
                "words": [terms for _, terms in found],
            }
            await self._database.change(SET_ANALYSES, values)
        return len(rows)


def _columns_of(row: Row[Any]) -> tuple[bytes | None, bytes | None]:
    memory = AnalyzedMemory.of(row.content, row.speaker)
    return analysis_column(memory), terms_column(memory)
