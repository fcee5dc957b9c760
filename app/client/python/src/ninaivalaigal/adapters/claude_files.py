"""The files of Claude's memory tool: each is a memory, whose key is its path.

A folder is what the paths of files begin with. The words are those of the reference implementation in Anthropic's SDK,
which models have been trained with.
"""

import posixpath
from collections.abc import Iterator

from anthropic.lib.tools import ToolError
from msgspec import Struct

from ninaivalaigal.calls import Plan
from ninaivalaigal.keyed import Collection
from ninaivalaigal.limits import MAX_CONTENT_CHARS
from ninaivalaigal.options import Condition
from ninaivalaigal.values import Memory

ROOT = "/memories"
MAX_DEPTH = 50  # folders within each other
_SHOWN_DEPTH = 2
_CONTEXT_LINES = 2
_NUMBER_WIDTH = 6


class Files(Struct, frozen=True, kw_only=True):
    """The files of one user, in a collection of memories."""

    collection: Collection

    def view(self, path: str, lines: list[int] | None = None) -> Plan[str]:
        """Return a file with the numbers of its lines, or what is in a folder, two levels deep."""
        key = key_of(path)
        memory = yield from self._file(key)
        if memory is not None:
            shown = "\n".join(_numbered(self._text(memory).split("\n"), lines))
            return f"Here's the content of {path} with line numbers:\n{shown}"
        inside = yield from self.collection.found(self._within(key))
        if not inside and key != ROOT:
            raise ToolError(f"The path {path} does not exist. Please provide a valid path.")
        sizes = {self.collection.key_of(one)[len(key) + 1 :]: len(self._text(one).encode()) for one in inside}
        entries = "\n".join(f"{_written(size)}\t{name}" for name, size in _tree(path.rstrip("/"), sizes))
        return f"Here're the files and directories up to 2 levels deep in {path}, excluding hidden items:\n{entries}"

    def create(self, path: str, text: str) -> Plan[str]:
        """Make a file."""
        key = key_of(path)
        yield from self._require_free(key, f"File {path} already exists")
        yield from self._write(key, path, text)
        return f"File created successfully at: {path}"

    def replace(self, path: str, old: str, new: str) -> Plan[str]:
        """Replace a text that occurs once in a file."""
        text = yield from self._read(path)
        if not old or old not in text:
            raise ToolError(f"No replacement was performed, old_str `{old}` did not appear verbatim in {path}.")
        if text.count(old) > 1:
            lines = ", ".join(str(text.count("\n", 0, place) + 1) for place in _places(text, old))
            raise ToolError(
                f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines: {lines}. "
                "Please ensure it is unique"
            )
        place = text.index(old)
        changed = text[:place] + new + text[place + len(old) :]
        yield from self._write(key_of(path), path, changed)
        line = text.count("\n", 0, place) + 1
        shown = _numbered(changed.split("\n"), [line - _CONTEXT_LINES, line + _CONTEXT_LINES])
        return "\n".join(
            ["The memory file has been edited. Here is the snippet showing the change (with line numbers):", *shown]
        )

    def insert(self, path: str, after: int, text: str) -> Plan[str]:
        """Insert a text into a file after a line; 0 stands for the beginning."""
        lines = (yield from self._read(path)).split("\n")
        if not lines[-1]:  # what follows the end of the last line is none
            lines.pop()
        if not 0 <= after <= len(lines):
            raise ToolError(
                f"Invalid `insert_line` parameter: {after}. It should be within the range [0, {len(lines)}]."
            )
        lines.insert(after, text.rstrip("\n"))
        yield from self._write(key_of(path), path, "\n".join(lines) + "\n")
        return f"The file {path} has been edited."

    def delete(self, path: str) -> Plan[str]:
        """Delete a file, or a folder with all that is in it."""
        key = key_of(path)
        if key == ROOT:
            raise ToolError("Cannot delete the /memories directory itself")
        if not (yield from self.collection.delete(self._of(key))):
            raise ToolError(f"The path {path} does not exist")
        return f"Successfully deleted {path}"

    def rename(self, before: str, after: str) -> Plan[str]:
        """Move a file, or a folder with all that is in it."""
        old, new = key_of(before), key_of(after)
        if old == ROOT:
            raise ToolError("Cannot rename the /memories directory itself")
        if new.startswith(f"{old}/"):
            raise ToolError(f"Cannot move {before} into itself")
        yield from self._require_free(new, f"The destination {after} already exists")
        if not (yield from self.collection.rename(self._of(old), old, new)):
            raise ToolError(f"The path {before} does not exist")
        return f"Successfully renamed {before} to {after}"

    def clear(self) -> Plan[str]:
        """Delete all files."""
        yield from self.collection.delete(self._within(ROOT))
        return "All memory cleared"

    def _file(self, key: str) -> Plan[Memory | None]:
        return (yield from self.collection.get(key))

    def _read(self, path: str) -> Plan[str]:
        key = key_of(path)
        memory = yield from self._file(key)
        if memory is not None:
            return self._text(memory)
        if key == ROOT or (yield from self.collection.found(self._within(key), 1)):
            raise ToolError(f"The path {path} is not a file.")
        raise ToolError(f"The path {path} does not exist. Please provide a valid path.")

    def _write(self, key: str, path: str, text: str) -> Plan[None]:
        if len(text) > MAX_CONTENT_CHARS:
            raise ToolError(
                f"The file {path} would have {len(text)} characters, more than {MAX_CONTENT_CHARS}. "
                "Keep it in several smaller files."
            )
        # The service takes no blank contents.
        yield from self.collection.put(key, text if text.strip() else path, {} if text.strip() else {"blank": text})

    def _text(self, memory: Memory) -> str:
        return str(self.collection.marks_of(memory).get("blank", memory.content))

    def _require_free(self, key: str, otherwise: str) -> Plan[None]:
        """Raise `ToolError` if there is something, or if what should be a folder is a file."""
        if key == ROOT or (yield from self.collection.found(self._of(key), 1)):
            raise ToolError(otherwise)
        folders = [key[:end] for end, letter in enumerate(key) if letter == "/" and end >= len(ROOT)][1:]
        if not folders:
            return
        field = self.collection.field("key")
        files = yield from self.collection.found({"op": "in", "field": field, "values": folders}, 1)
        if files:
            raise ToolError(f"The path {self.collection.key_of(files[0])} is a file, not a directory")

    def _of(self, key: str) -> Condition:
        """Return the condition for a file, or for all files in the folder of that name."""
        return {"op": "or", "any": [self.collection.at(key), self._within(key)]}

    def _within(self, key: str) -> Condition:
        return self.collection.under(f"{key}/")


def key_of(path: str) -> str:
    """Return the key of a path; raise `ToolError` if it leads out of the folder of memories."""
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        raise ToolError(f"Path must start with /memories, got: {path}")
    key = posixpath.normpath(path)
    if key != ROOT and not key.startswith(f"{ROOT}/"):
        raise ToolError(f"Path {path} would escape /memories directory")
    if key.count("/") > MAX_DEPTH:
        raise ToolError(f"Path {path} has more than {MAX_DEPTH} parts")
    return key


def _places(text: str, part: str) -> Iterator[int]:
    """Yield where a part occurs."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def _numbered(lines: list[str], shown: list[int] | None) -> list[str]:
    """Return lines with their numbers: those from the first to the last one wanted (-1: of all), or all of them."""
    first, last = shown if shown and len(shown) == 2 else (1, -1)  # noqa: PLR2004 - a first and a last one
    first, last = max(1, first), len(lines) if last == -1 else last
    return [f"{number:>{_NUMBER_WIDTH}}\t{lines[number - 1]}" for number in range(first, min(last, len(lines)) + 1)]


def _tree(folder: str, sizes: dict[str, int]) -> list[tuple[str, int]]:
    """Return a folder, and what is in it two levels deep, with sizes in bytes; names with a dot in front are hidden."""
    shown = dict[str, int]()
    for name, size in sizes.items():
        parts = name.split("/")
        if any(part.startswith(".") for part in parts):
            continue
        for depth in range(1, min(len(parts), _SHOWN_DEPTH) + 1):
            entry = "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
            shown[entry] = shown.get(entry, 0) + size
    ordered = sorted(shown.items(), key=lambda entry: entry[0].split("/"))
    return [(folder, sum(sizes.values())), *((f"{folder}/{name}", size) for name, size in ordered)]


def _written(size: int) -> str:
    """Return a size as `ls -h` writes it."""
    rest = float(size)
    for unit in ("B", "K", "M"):
        if rest < 1024:  # noqa: PLR2004 - bytes in a kilobyte
            return f"{rest:.1f}".removesuffix(".0") + unit
        rest /= 1024
    return f"{rest:.1f}".removesuffix(".0") + "G"
