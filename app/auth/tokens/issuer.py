"""One issuer: its settings, the keys of it that are known now, and the wish for newer ones."""

import asyncio
from collections.abc import Callable

from app.auth.tokens.key_set import KeySet
from app.settings.auth import IssuerSettings

LEAST_SECONDS = 60.0  # between two looks for a key that is not known: tokens with invented keys cost the issuer no more


class Issuer:
    """Hold the keys of an issuer, None before they were read; `clock` is in seconds, and never goes back.

    `wanted` is set when a token named a key that is not known.
    """

    def __init__(self, name: str, settings: IssuerSettings, clock: Callable[[], float]) -> None:
        self.name, self.settings = name, settings
        self.keys: KeySet | None = None
        self.wanted = asyncio.Event()
        self._clock = clock
        self._looked: float | None = None

    @property
    def url(self) -> str | None:
        """The URL of the keys, None if they are in a file."""
        return None if self.settings.jwks.startswith("/") else self.settings.jwks

    def want(self) -> bool:
        """Ask for newer keys; return whether somebody is looking for them now."""
        if self._looked is not None and self.url is not None and self._clock() - self._looked >= LEAST_SECONDS:
            self.wanted.set()
            self._looked = None
        return self.keys is None or self._looked is None

    def looked(self) -> None:
        """Note that the keys were looked for, with or without success."""
        self._looked = self._clock()
        self.wanted.clear()
