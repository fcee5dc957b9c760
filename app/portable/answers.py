"""The answer that streams an export, and what the API's document says of it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from litestar.openapi.datastructures import ResponseSpec

from app.http.json.lines import MEDIA_TYPE
from app.http.line_stream import LineStream
from app.http.problems import ProblemType, described
from app.portable.exporting import Export

_SAID = "Lines of JSON: a header, memories with checkpoints between them, versions, tombstones, and a trailer"


async def streamed(export: Export, after: str | None, headers: Mapping[str, str] | None = None) -> LineStream:
    """Return the answer that streams an export, whose first page has been read; errors as of `Export.pieces`."""
    pieces = export.pieces(after, datetime.now(UTC))
    return LineStream(await anext(pieces), pieces, MEDIA_TYPE, headers)


def described_export(*kinds: ProblemType) -> dict[int, ResponseSpec]:
    """Document an export, and its problems."""
    answer = ResponseSpec(str, description=_SAID, media_type=MEDIA_TYPE, generate_examples=False)
    return {200: answer, **described(*kinds)}
