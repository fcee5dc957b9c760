"""The configuration file as a layer."""

import re
import tomllib
from pathlib import Path

from app.settings.errors import ConfigError
from app.settings.layers import Layer, Origin, flatten

_PLACE = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


def toml_layer(path: Path, named_by: str) -> Layer:
    """Read a TOML file, named by the option or variable `named_by`; raise `ConfigError` if there is no TOML in it."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror} (named by {named_by})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}") from None  # the original holds the whole file
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}, {_place(str(error), text)}") from error
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    return flatten(tables, Origin("file", str(path)))


def _place(message: str, text: str) -> str:
    """Put the place first; tomllib itself does not count lines where a document ends too early."""
    found = _PLACE.fullmatch(message)
    if found is None:
        return message
    if found["line"] is None:
        return f"line {len(text.splitlines())}: {found['what']}"
    return f"line {found['line']}, column {found['column']}: {found['what']}"
