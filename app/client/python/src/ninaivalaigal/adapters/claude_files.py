"""The files of Claude's memory tool: each is the memory whose key is its path.

A folder is what the paths of files begin with. The words are those of the reference implementation in Anthropic's SDK,
which models have been trained with.
"""

import posixpath
from collections.abc import Callable, Iterator
from typing import Any

from anthropic.lib.tools import ToolError
from msgspec import Struct

from ninaivalaigal import operations
from ninaivalaigal.calls import Plan
from ninaivalaigal.errors import Conflicting, NotFound, NotServed, OtherVersion
from ninaivalaigal.limits import MAX_BATCH, MAX_CONTENT_CHARS, MAX_KEY_CHARS
from ninaivalaigal.values import KeyList, Memory

ROOT = "/memories"
MAX_DEPTH = 50  # folders within each other
_SHOWN_DEPTH = 2
_CONTEXT_LINES = 2
_NUMBER_WIDTH = 6
_TURNS = 5  # in which an editor meets others who change the file
_BLANK, _BLANK_TEXT = ".", "blank"  # the content of a file of nothing but blanks, and where its text stands

Metadata = dict[str, Any] | None


class Files(Struct, frozen=True, kw_only=True):
    """The files of one user; `prefix` stands before the path in each key."""

    prefix: str = ""
    user: str | None = None

    def view(self, path: str, lines: list[int] | None = None) -> Plan[str]:
        """Return a file with the numbers of its lines, or what is in a folder, two levels deep."""
        place = place_of(path)
        memory = yield from self._file(place)
        if memory is not None:
            shown = "\n".join(_numbered(_text(memory).split("\n"), lines))
            return f"Here's the content of {path} with line numbers:\n{shown}"
        inside = yield from self._listed(place, _SHOWN_DEPTH)
        if not inside.keys and not inside.folders and place != ROOT:
            raise ToolError(f"The path {path} does not exist. Please provide a valid path.")
        begin = len(self.prefix) + len(place) + 1
        sizes = {one.key[begin:]: one.size for one in inside.keys}
        sizes |= {one.prefix[begin:]: one.size for one in inside.folders}
        entries = "\n".join(f"{_written(size)}\t{name}" for name, size in _tree(path.rstrip("/"), sizes))
        return f"Here're the files and directories up to 2 levels deep in {path}, excluding hidden items:\n{entries}"

    def create(self, path: str, text: str) -> Plan[str]:
        """Make a file."""
        place = place_of(path)
        yield from self._require_free(place, f"File {path} already exists")
        content, metadata = _kept(path, text)
        yield from operations.put_by_key(self._key(place), content, metadata=metadata, user=self.user)
        return f"File created successfully at: {path}"

    def replace(self, path: str, old: str, new: str) -> Plan[str]:
        """Replace a text that occurs once in a file."""

        def replaced(text: str) -> str:
            if not old or old not in text:
                raise ToolError(f"No replacement was performed, old_str `{old}` did not appear verbatim in {path}.")
            if text.count(old) > 1:
                lines = ", ".join(str(text.count("\n", 0, at) + 1) for at in _places(text, old))
                raise ToolError(
                    f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines: {lines}. "
                    "Please ensure it is unique"
                )
            return text.replace(old, new)

        before, after = yield from self._edit(path, replaced)
        line = before.count("\n", 0, before.index(old)) + 1
        shown = _numbered(after.split("\n"), [line - _CONTEXT_LINES, line + _CONTEXT_LINES])
        return "\n".join(
            ["The memory file has been edited. Here is the snippet showing the change (with line numbers):", *shown]
        )

    def insert(self, path: str, after: int, text: str) -> Plan[str]:
        """Insert a text into a file after a line; 0 stands for the beginning."""

        def longer(before: str) -> str:
            lines = before.split("\n")
            if not lines[-1]:  # what follows the end of the last line is none
                lines.pop()
            if not 0 <= after <= len(lines):
                raise ToolError(
                    f"Invalid `insert_line` parameter: {after}. It should be within the range [0, {len(lines)}]."
                )
            lines.insert(after, text.rstrip("\n"))
            return "\n".join(lines) + "\n"

        yield from self._edit(path, longer)
        return f"The file {path} has been edited."

    def delete(self, path: str) -> Plan[str]:
        """Delete a file, or a folder with all that is in it."""
        place = place_of(path)
        if place == ROOT:
            raise ToolError("Cannot delete the /memories directory itself")
        try:
            yield from operations.delete_by_key(self._key(place), user=self.user)
        except NotFound:
            if not (yield from self._delete_within(place)):
                raise ToolError(f"The path {path} does not exist") from None
        return f"Successfully deleted {path}"

    def rename(self, before: str, after: str) -> Plan[str]:
        """Move a file, or a folder with all that is in it, in one go."""
        old, new = place_of(before), place_of(after)
        if old == ROOT:
            raise ToolError("Cannot rename the /memories directory itself")
        if new.startswith(f"{old}/"):
            raise ToolError(f"Cannot move {before} into itself")
        taken = f"The destination {after} already exists"
        yield from self._require_free(new, taken)
        try:
            yield from self._renamed(old, new)
        except NotFound:
            raise ToolError(f"The path {before} does not exist") from None
        except Conflicting:  # somebody else was faster
            raise ToolError(taken) from None
        return f"Successfully renamed {before} to {after}"

    def clear(self) -> Plan[str]:
        """Delete all files."""
        yield from self._delete_within(ROOT)
        return "All memory cleared"

    def _key(self, place: str) -> str:
        if len(self.prefix) + len(place) > MAX_KEY_CHARS:
            raise ToolError(f"Path {place} has more than {MAX_KEY_CHARS - len(self.prefix)} characters")
        return self.prefix + place

    def _file(self, place: str) -> Plan[Memory | None]:
        try:
            return (yield from operations.get_by_key(self._key(place), user=self.user))
        except NotFound:
            return None

    def _listed(self, place: str, depth: int | None = 1) -> Plan[KeyList]:
        prefix = f"{self._key(place)}/"
        if len(prefix) > MAX_KEY_CHARS:  # no key is so long
            return KeyList(keys=[], folders=[], count=0)
        return (yield from operations.list_keys(prefix, depth, user=self.user))

    def _read(self, path: str) -> Plan[Memory]:
        place = place_of(path)
        memory = yield from self._file(place)
        if memory is not None:
            return memory
        inside = yield from self._listed(place)
        if place == ROOT or inside.keys or inside.folders:
            raise ToolError(f"The path {path} is not a file.")
        raise ToolError(f"The path {path} does not exist. Please provide a valid path.")

    def _edit(self, path: str, edit: Callable[[str], str]) -> Plan[tuple[str, str]]:
        """Edit a file, anew where somebody else has changed it meanwhile; return its text before and after."""
        for _ in range(_TURNS):
            memory = yield from self._read(path)
            before = _text(memory)
            after = edit(before)
            content, metadata = _kept(path, after)
            etag = memory.facts.etag if memory.facts else None
            try:
                yield from self._changed(memory, content, metadata, etag)
            except (OtherVersion, NotFound):
                continue
            return before, after
        raise ToolError(f"The file {path} is being changed by others all the time. Please view it and try again.")

    def _changed(self, memory: Memory, content: str, metadata: Metadata, etag: str | None) -> Plan[None]:
        try:
            yield from operations.update(memory.id, content=content, metadata=metadata, if_match=etag, user=self.user)
        except NotServed:  # a store that cannot compare versions
            yield from operations.update(memory.id, content=content, metadata=metadata, user=self.user)

    def _renamed(self, old: str, new: str) -> Plan[None]:
        try:
            yield from operations.rename_keys(self._key(old), self._key(new), user=self.user)
        except NotFound:
            former, begin = f"{self._key(old)}/", f"{self._key(new)}/"
            if len(former) > MAX_KEY_CHARS:
                raise
            yield from operations.rename_keys(former, begin, prefix=True, user=self.user)

    def _delete_within(self, place: str) -> Plan[int]:
        """Delete all files in a folder, and return how many there were."""
        inside = yield from self._listed(place, None)
        ids = [one.memory_id for one in inside.keys]
        for begin in range(0, len(ids), MAX_BATCH):
            yield from operations.delete_batch(ids[begin : begin + MAX_BATCH], user=self.user)
        return len(ids)

    def _require_free(self, place: str, otherwise: str) -> Plan[None]:
        """Raise `ToolError` if there is something, or if what should be a folder is a file."""
        if place == ROOT or (yield from self._file(place)) is not None:
            raise ToolError(otherwise)
        inside = yield from self._listed(place)
        if inside.keys or inside.folders:
            raise ToolError(otherwise)
        folder = posixpath.dirname(place)
        while folder != ROOT:
            if (yield from self._file(folder)) is not None:
                raise ToolError(f"The path {folder} is a file, not a directory")
            folder = posixpath.dirname(folder)


def _kept(path: str, text: str) -> tuple[str, Metadata]:
    """Return the content and the metadata of a file; the service takes no blank contents.

    Raises:
        ToolError: it is too long.
    """
    if len(text) > MAX_CONTENT_CHARS:
        raise ToolError(
            f"The file {path} would have {len(text)} characters, more than {MAX_CONTENT_CHARS}. "
            "Keep it in several smaller files."
        )
    return (text, None) if text.strip() else (_BLANK, {_BLANK_TEXT: text})


def _text(memory: Memory) -> str:
    return str((memory.metadata or {}).get(_BLANK_TEXT, memory.content))


def place_of(path: str) -> str:
    """Return where a path leads; raise `ToolError` if it leads out of the folder of memories."""
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        raise ToolError(f"Path must start with /memories, got: {path}")
    place = posixpath.normpath(path)
    if place != ROOT and not place.startswith(f"{ROOT}/"):
        raise ToolError(f"Path {path} would escape /memories directory")
    if place.count("/") > MAX_DEPTH:
        raise ToolError(f"Path {path} has more than {MAX_DEPTH} parts")
    return place


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
    """Return a folder, what is in it, and the folders of these; names with a dot in front are hidden.

    `sizes` are those of files, and of folders that are not looked into, with a slash behind them.
    """
    shown = dict[str, int]()
    for name, size in sizes.items():
        parts = name.split("/")
        if any(part.startswith(".") for part in parts):
            continue
        for depth in range(1, len(parts) + bool(parts[-1])):
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
