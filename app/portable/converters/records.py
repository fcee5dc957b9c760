"""The records in a file of somebody else: JSON, JSON by lines, or CSV."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import msgspec

Record = dict[str, Any]
Records = Iterator[tuple[int, Record | str]]


class NotReadable(Exception):
    """Signal a file that is not of the form that it is said to have."""


def json_records(text: bytes, lists: Sequence[str]) -> Records:
    """Yield each record of JSON with its number from 1 on; in the place of one that is no object, the reason.

    The text is a list of records, an object with such a list under one of the names in `lists`, or has a record in each
    line.

    Raises:
        NotReadable: it is none of these.
    """
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        whole = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        if b"\n" not in text.strip():
            raise NotReadable(f"it is not JSON: {error}") from None
        yield from _by_lines(text)
        return
    if isinstance(whole, dict):
        named = [whole[name] for name in lists if isinstance(whole.get(name), list)]
        whole = named[0] if named else [whole]
    if not isinstance(whole, list):
        raise NotReadable("it is neither a list of records nor an object")
    for number, record in enumerate(whole, 1):
        yield number, record if isinstance(record, dict) else "is not an object"


def csv_records(text: bytes) -> Records:
    """Yield each row with its number from 1 on, by the names in the first row; an empty cell is no value.

    Raises:
        NotReadable: it is no CSV in UTF-8, or has no names.
    """
    try:
        rows = csv.DictReader(StringIO(text.decode("utf-8-sig"), newline=""), strict=True)
        if not rows.fieldnames:
            raise NotReadable("its first row has no names of columns")
        for number, row in enumerate(rows, 1):
            more = row.pop(None, None)
            yield (
                number,
                {name: cell for name, cell in row.items() if cell} if not more else "has more cells than names",
            )
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotReadable(f"it is not CSV in UTF-8: {error}") from None


def _by_lines(text: bytes) -> Records:
    number = 0
    for line in text.splitlines():
        if not line.strip():
            continue
        number += 1
        try:
            record = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            if number == 1:
                raise NotReadable(f"it is not JSON: {error}") from None
            yield number, f"is not JSON: {error}"
            continue
        yield number, record if isinstance(record, dict) else "is not an object"
