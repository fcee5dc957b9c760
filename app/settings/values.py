"""Conversion of one raw value into its setting's type, or an error that says why it does not fit."""

import re
from pathlib import Path

import msgspec

from app.settings import annotations
from app.settings.errors import ConfigError, quoted, shown
from app.settings.layers import FileReference, RawValue, Steps, split_list
from observability.secret import MASK, Secret

_COMPLAINT = re.compile(r"Expected (?P<expected>.*?)(, got `[^`]*`)?( - at `\$\[(?P<index>\d+)\].*)?", re.DOTALL)


def convert(annotation: object, entry: RawValue, steps: Steps) -> object:
    """Convert the value; text from a variable becomes the number, truth value or list that the type requires.

    Raises:
        ConfigError: it does not fit the type.
    """
    try:
        return _converted(annotation, entry, steps)
    except UnicodeEncodeError:  # bytes that are no UTF-8 come out of the environment as lone surrogates
        raise ConfigError("expected text in UTF-8", steps=steps, origin=entry.origin) from None


def _converted(annotation: object, entry: RawValue, steps: Steps) -> object:
    if isinstance(entry.raw, str):
        entry.raw.encode()  # msgspec would complain, a Secret or a path would not
    if annotations.is_secret(annotation):
        return _secret(entry, steps)
    if isinstance(entry.raw, FileReference):
        raise ConfigError("only a secret is read from a file", steps=steps, origin=entry.origin)
    if Path in annotations.members(annotation):
        return _path(entry, steps)
    raw = listed(entry, steps) if annotations.item_of(annotation, list) else entry.raw
    try:
        return msgspec.convert(raw, annotation, strict=entry.origin.kind == "file")
    except msgspec.ValidationError as error:
        raise _complaint(str(error), annotation, RawValue(raw, entry.origin), steps) from None


def listed(entry: RawValue, steps: Steps) -> list[object]:
    """Return the list, or the one that a variable's text means; raise `ConfigError` if it is no list."""
    raw = entry.raw
    if isinstance(raw, str) and entry.origin.kind != "file":
        try:
            return split_list(raw)
        except ValueError:
            reason = "expected a list, comma separated or JSON"
            raise ConfigError(reason, steps=steps, origin=entry.origin) from None
    if not isinstance(raw, list):
        raise ConfigError(f"expected a list, got {shown(raw)}", steps=steps, origin=entry.origin)
    return raw


def _secret(entry: RawValue, steps: Steps) -> Secret:
    if isinstance(entry.raw, FileReference):
        return Secret(_content(entry.raw.path, entry, steps))
    if not isinstance(entry.raw, str):
        raise ConfigError(f"expected str, got {MASK}", steps=steps, origin=entry.origin)
    return Secret(entry.raw)


def _content(path: Path, entry: RawValue, steps: Steps) -> str:
    """Read a secret's file without the line end that editors and `echo` leave behind."""
    try:
        text = path.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", steps=steps, origin=entry.origin) from error
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {path}: not UTF-8", steps=steps, origin=entry.origin) from None
    if not text:
        raise ConfigError(f"{path} is empty", steps=steps, origin=entry.origin)
    return text


def _path(entry: RawValue, steps: Steps) -> Path:
    if not isinstance(entry.raw, (str, Path)) or not str(entry.raw) or "\0" in str(entry.raw):
        raise ConfigError(f"expected a path, got {shown(entry.raw)}", steps=steps, origin=entry.origin)
    try:
        return Path(entry.raw).expanduser().absolute()
    except RuntimeError:  # ~name of an unknown user
        raise ConfigError(f"no home folder for {shown(entry.raw)}", steps=steps, origin=entry.origin) from None


def _complaint(message: str, annotation: object, entry: RawValue, steps: Steps) -> ConfigError:
    """Return msgspec's complaint, with the value that it leaves out."""
    raw = entry.raw
    found = _COMPLAINT.fullmatch(message)
    if found and found["index"] and isinstance(raw, list):
        steps = (*steps, int(found["index"]))
        raw = raw[int(found["index"])]
    if choices := annotations.choices(annotation):
        expected = f"one of {quoted(choices)}"
    elif words := annotations.description(annotation):
        expected = words
    elif found:
        expected = found["expected"].replace("`", "").replace(" | null", "")
    else:
        expected = f"another value: {message}"
    got = MASK if annotations.is_masked(annotation) else shown(raw)
    return ConfigError(f"expected {expected}, got {got}", steps=steps, origin=entry.origin)
