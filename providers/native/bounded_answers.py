"""Statements whose answers are bounded in bytes: contents are measured by their lengths, and not read beyond the bound.

PostgreSQL knows the length of a long text without fetching it. Metadata is not measured, since that would take reading
it: 1,000 memories have 16 MB of it at most.
"""

from providers.native.columns import RECORD, names

_RECALL_ORDER = "score DESC, created_at DESC, id DESC"


def bounded_page(page: str, order: str, most_bytes: str) -> str:
    """Return the statement for the first rows of a page, which begin within a bound; `found` counts all rows.

    `order` and `most_bytes`: the page's order and the bound, in SQL.
    """
    return f"""
    SELECT {names(RECORD)}, found FROM (
        SELECT *, count(*) OVER () AS found, sum(octet_length(content)) OVER (
            ORDER BY {order} ROWS UNBOUNDED PRECEDING
        ) - octet_length(content) AS before
        FROM ({page}) AS page
    ) AS page WHERE before < {most_bytes} ORDER BY {order}
    """  # noqa: S608 - joined from constants


def bounded_versions(page: str, columns: str) -> str:
    """Return the statement for the first versions of a page, which begin within `:most_bytes`; `found` counts all."""
    return f"""
    SELECT {columns}, found FROM (
        SELECT *, count(*) OVER () AS found, sum(octet_length(content)) OVER (
            ORDER BY version DESC ROWS UNBOUNDED PRECEDING
        ) - octet_length(content) AS before
        FROM ({page}) AS page
    ) AS page WHERE before <= CAST(:most_bytes AS bigint) ORDER BY version DESC
    """  # noqa: S608 - joined from constants


def bounded_recall(answer: str, most_bytes: str) -> str:
    """Return the end of a statement for a whole answer, or for its first row if its `size` is above a bound.

    `most_bytes`: the bound, in SQL.
    """
    return f"""
    SELECT {names(RECORD)}, score, size FROM (
        SELECT *, sum(octet_length(content)) OVER () AS size, row_number() OVER (ORDER BY {_RECALL_ORDER}) AS place
        FROM ({answer}) AS answer
    ) AS answer WHERE size <= {most_bytes} OR place = 1 ORDER BY {_RECALL_ORDER}
    """  # noqa: S608 - joined from constants
