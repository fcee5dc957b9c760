"""The keys that commands know: those of the configuration, which they only read, and those of the file."""

import json
from datetime import datetime
from pathlib import Path

import click
import msgspec

from app.auth.keys import Pepper
from app.auth.keys_file import KeysFile, without_defaults
from app.auth.pepper import pepper_for_new_keys
from app.settings import Settings
from app.settings.auth import KeySettings

CONFIGURATION = "configuration"


class KnownKeys:
    """Find, add and change keys, and tell what was done."""

    def __init__(self, settings: Settings) -> None:
        self.data_dir: Path = settings.common_dir
        self._settings = settings.auth
        self._file = KeysFile.of(settings.auth, settings.common_dir)

    def pepper(self) -> Pepper:
        """Return the pepper, which is made where there is none."""
        return pepper_for_new_keys(self._settings, self.data_dir)

    def is_configured(self, name: str) -> bool:
        """Return whether the configuration has a key with this name, which counts before one of the file."""
        return name in self._settings.keys

    def all(self) -> dict[str, tuple[KeySettings, str]]:
        """Return all keys and where each one is."""
        filed = {name: (key, str(self._file.path)) for name, key in self._file.read().items()}
        return filed | {name: (key, CONFIGURATION) for name, key in self._settings.keys.items()}

    def find(self, name: str, *, to_change: bool = False) -> KeySettings:
        """Return a key; raise `click.ClickException` if there is none, or it is not in the file `to_change`."""
        key, source = self.all().get(name, (None, ""))
        if key is None:
            raise click.ClickException(f"there is no key {name}: see `ninai keys list`")
        if to_change and source == CONFIGURATION:
            raise click.ClickException(
                f"{name} is in the configuration: change it there, a running service follows within a second"
            )
        return key

    def add(self, name: str, key: KeySettings) -> None:
        """Add a key to the file; raise `click.ClickException` if there is one with this name."""
        with self._file.changed() as keys:
            if name in keys or self.is_configured(name):
                raise click.ClickException(f"there is a key {name} already: rotate it, or choose another name")
            keys[name] = key

    def put(self, name: str, before: KeySettings, key: KeySettings) -> None:
        """Change a key in the file; raise `click.ClickException` if another command has changed it meanwhile."""
        with self._file.changed() as keys:
            if keys.get(name) != before:
                raise click.ClickException(f"{name} was changed meanwhile: try again")
            keys[name] = key

    def tell(self, name: str, secret: str, key: KeySettings, *, printed: bool, as_json: bool) -> None:
        """Show a new secret, and where the key is stored, or what is to be stored."""
        if as_json:
            told = {"name": name, "key": secret, **_plain(key)}
            click.echo(json.dumps(told if printed else {**told, "file": str(self._file.path)}, indent=2))
            return
        click.echo(f"The key, shown only now:\n\n    {secret}\n")
        if printed:
            click.echo("The table for the configuration file:\n")
            click.echo(_toml_of(name, key))
        else:
            click.echo(f"Its hash is in {self._file.path}; a running service knows it within a second.")
        if key.former_until is not None:
            click.echo(f"The former secret counts until {key.former_until.isoformat()}.")

    def tell_change(self, name: str, key: KeySettings, *, former: bool = False, as_json: bool) -> None:
        """Show a key that was changed, or whose `former` secret was ended."""
        if as_json:
            click.echo(json.dumps({"name": name, **_plain(key), "file": str(self._file.path)}, indent=2))
        elif former:
            click.echo(f"The former secret of {name} has ended; a running service refuses it within a second.")
        elif key.revoked is not None:
            click.echo(f"{name} was revoked; a running service refuses it within a second.")
        else:
            ends = "does not expire" if key.expires is None else f"expires at {key.expires.isoformat()}"
            click.echo(f"{name} {ends}; a running service knows it within a second.")


def _plain(key: KeySettings) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(without_defaults(key))
    return plain


def _toml_of(name: str, key: KeySettings) -> str:
    values = {field: _toml_value(value) for field, value in without_defaults(key).items()}
    return "\n".join([f"[auth.keys.{name}]", *(f"{field} = {text}" for field, text in values.items())])


def _toml_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value, ensure_ascii=False)
