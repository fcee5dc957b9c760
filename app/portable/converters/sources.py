"""The sources that an import reads beside our own exports, by name."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal

from app.portable.converters import langgraph, mapping, mem0
from app.portable.converters.building import Converted, Ids, Unusable
from app.portable.converters.mapping import FieldMapping
from app.portable.converters.records import Record, csv_records, json_records

Source = Literal["mem0", "mem0-platform", "langgraph", "json", "csv"]
Convert = Callable[[Record, Ids, int, datetime], Converted]

_LISTS: dict[Source, tuple[str, ...]] = {
    "mem0": mem0.LISTS,
    "mem0-platform": mem0.LISTS,
    "langgraph": langgraph.LISTS,
    "json": mapping.LISTS,
}


def converted(
    source: Source, text: bytes, mapped: FieldMapping, now: datetime
) -> Iterator[tuple[int, Converted | str]]:
    """Yield what each record of a file becomes, with its number; in the place of one that is no memory, the reason.

    Raises:
        NotReadable: the file is not of the form of its source.
    """
    table = source == "csv" or (
        source == "langgraph" and not text.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"["))
    )
    records = csv_records(text) if table else json_records(text, _LISTS[source])
    convert: Convert = mapped.convert
    if source == "langgraph":
        convert = langgraph.convert
    elif source in {"mem0", "mem0-platform"}:
        convert = mem0.convert
    ids = Ids("mem0" if source == "mem0-platform" else source)
    for number, record in records:
        try:
            yield number, record if isinstance(record, str) else convert(record, ids, number, now)
        except Unusable as error:
            yield number, str(error)
