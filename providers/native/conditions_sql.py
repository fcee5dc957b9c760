"""Conditions on memories in SQL: fixed fragments and bound values."""

from providers.labels import MAX_KEY_CHARS
from providers.native.filter_sql import Bind, filter_sql
from providers.source import WriterWindow
from providers.types import Conditions

_GREATEST = chr(0x10FFFF)  # of all code points


def conditions_sql(conditions: Conditions, bind: Bind) -> list[str]:
    """Return the expressions that all hold for a row that meets the conditions, none of them NULL.

    `bind` is that of `filter_sql`. A memory that has no label is none with that label.
    """
    # "Is not null" says the same once more, to the planner: then it can use the partial index of the label.
    tests = [
        f"({name} IS NOT NULL AND {name} = {bind(label, 'text')})" for name, label in conditions.given_labels.items()
    ]
    tests += [
        f"coalesce(source ->> '{name}' = {bind(value, 'text')}, false)"
        for name, value in conditions.given_source.items()
    ]
    tests += [f"NOT {_written_by(written, bind)}" for written in conditions.hidden]
    if conditions.key_prefix is not None:
        tests.append(_begins_with(conditions.key_prefix, bind))
    if conditions.created_from is not None:
        tests.append(f"created_at >= {bind(conditions.created_from, 'timestamptz')}")
    if conditions.created_before is not None:
        tests.append(f"created_at < {bind(conditions.created_before, 'timestamptz')}")
    if conditions.now is not None:
        tests.append(f"(expires_at IS NULL OR expires_at > {bind(conditions.now, 'timestamptz')})")
    if conditions.without:
        # Not `<> ALL`, which a generic plan compares one by one: the list is hashed.
        tests.append(f"id NOT IN (SELECT unnest({bind(list(conditions.without), 'uuid[]')}))")
    if conditions.where is not None:
        tests.append(filter_sql(conditions.where, bind))
    return tests


def _written_by(written: WriterWindow, bind: Bind) -> str:
    """Return the expression for a memory whose newest state is one of these writes, as `WriterWindow.admits` tells."""
    at = "CAST(source ->> 'at' AS timestamptz)"
    tests = [f"source ->> '{name}' = {bind(value, 'text')}" for name, value in written.given.items()]
    tests.append(f"coalesce({at} >= {bind(written.since, 'timestamptz')}, true)")
    if written.until is not None:
        tests.append(f"coalesce({at} < {bind(written.until, 'timestamptz')}, true)")
    return f"coalesce({' AND '.join(tests)}, false)"


def _begins_with(prefix: str, bind: Bind) -> str:
    """Return the expression for a key that begins with a text: a range of the index, by code points."""
    begin, end = bind(prefix, "text"), bind(prefix + MAX_KEY_CHARS * _GREATEST, "text")
    return f"(key IS NOT NULL AND key >= {begin} AND key <= {end} AND starts_with(key, {begin}))"
