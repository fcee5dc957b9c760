"""The environment as a layer: NINAI__SERVER__PORT is `server.port`; the only reader of os.environ."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.settings.errors import ConfigError
from app.settings.layers import FileReference, Layer, Origin, RawValue, Steps

PREFIX = "NINAI__"
CONFIG_VARIABLE = "NINAI_CONFIG"
_SEPARATOR = "__"
_FILE_SUFFIX = "_file"


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ  # noqa: TID251 - this is the one place that reads it


@contextmanager
def hidden(prefix: str) -> Iterator[None]:
    """Hide this process's variables with this prefix from a library that would read them by itself."""
    environ = os.environ  # noqa: TID251 - only this package touches it
    kept = {name: environ.pop(name) for name in list(environ) if name.startswith(prefix)}
    try:
        yield
    finally:
        environ.update(kept)


def environment_layer(environ: Mapping[str, str], written: Layer) -> Layer:
    """Return what NINAI__ variables set; an empty variable sets nothing.

    Names match regardless of case; keys that `written` already spells keep its spelling. A name that ends in _FILE
    names the file that holds the value.

    Raises:
        ConfigError: two variables set the same, or a name is malformed.
    """
    spelling = _spelling(written)
    layer: dict[Steps, RawValue] = {}
    for name, text in sorted(environ.items()):
        if not name.upper().startswith(PREFIX) or not text:
            continue
        origin = Origin("variable", name)
        words = name[len(PREFIX) :].lower().split(_SEPARATOR)
        if not all(words):
            raise ConfigError(f"{name}: unknown variable, a name is {PREFIX}TABLE__KEY")
        raw: object = text
        if words[-1].endswith(_FILE_SUFFIX):
            words[-1] = words[-1].removesuffix(_FILE_SUFFIX)
            raw = FileReference(Path(text))
        steps = _spelled(tuple(words), spelling)
        if steps in layer:
            raise ConfigError(f"set by both {layer[steps].origin} and {name}", steps=steps)
        layer[steps] = RawValue(raw, origin)
    return layer


def _spelling(written: Layer) -> Mapping[Steps, Steps]:
    """Return, for every path and every prefix of one in lower case, how it is spelled."""
    spelled = (path[:depth] for path in written for depth in range(1, len(path) + 1))
    return {tuple(str(step).lower() for step in path): path for path in spelled}


def _spelled(steps: Steps, spelling: Mapping[Steps, Steps]) -> Steps:
    for depth in range(len(steps), 0, -1):
        if steps[:depth] in spelling:
            return (*spelling[steps[:depth]], *steps[depth:])
    return steps
