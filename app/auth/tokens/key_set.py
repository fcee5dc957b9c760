"""The public keys of an issuer, and the check of a signature with one of them; the only module that imports PyJWT."""

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from jwt import PyJWK, PyJWS, PyJWTError
from msgspec import UNSET, Struct, UnsetType

from app.auth.tokens.fault import KeySetFault
from app.settings.auth import Algorithm
from observability.counted import counted

MAX_KEYS = 100  # of one issuer; those that are in use have a handful
LEAST_RSA_BITS = 2048
# The type of a key, and its curve, that an algorithm needs: no key is ever used for another algorithm.
_KINDS: dict[Algorithm, tuple[str, str | None]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}


class _Key(Struct, frozen=True):
    """Hold what decides about the use of one key (RFC 7517); the numbers themselves are read by PyJWT."""

    kty: str
    crv: str | None = None
    kid: str | None = None
    alg: str | None = None
    use: str | None = None
    key_ops: list[str] | None = None
    # A private key has no business here: whoever published it gave it away.
    d: object | UnsetType = UNSET

    @property
    def verifies(self) -> bool:
        """Whether the key is public, and meant for signatures."""
        meant = self.use in {None, "sig"} and (self.key_ops is None or "verify" in self.key_ops)
        return meant and self.d is UNSET


class _Keys(Struct, frozen=True):
    keys: list[msgspec.Raw]


class KeySet:
    """Hold the keys by their id and algorithm; `content` is the JSON that they were read from."""

    def __init__(self, content: bytes, algorithms: Collection[Algorithm]) -> None:
        """Read the keys, leaving out all that cannot be used.

        Raises:
            KeySetFault: this is no set of keys, it has too many, or none that can be used.
        """
        self.content = content
        self._by_id: dict[tuple[str, str], PyJWK] = {}
        self._by_algorithm: dict[str, list[PyJWK]] = {}
        try:
            entries = msgspec.json.decode(content, type=_Keys).keys
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise KeySetFault("this is no JSON Web Key Set") from None
        if len(entries) > MAX_KEYS:
            raise KeySetFault(f"there are {len(entries)} keys, and at most {MAX_KEYS} are read")
        for entry in entries:
            for kid, key in _usable(entry, algorithms):
                self._by_algorithm.setdefault(key.algorithm_name, []).append(key)
                if kid is not None:
                    self._by_id[kid, key.algorithm_name] = key
        if not self._by_algorithm:
            raise KeySetFault(f"none of its {counted(len(entries), 'key', 'keys')} is for {', '.join(algorithms)}")

    def __len__(self) -> int:
        return sum(map(len, self._by_algorithm.values()))

    def key_for(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """Return the key that a token names; one that names none needs no choice."""
        if kid is not None:
            return self._by_id.get((kid, algorithm))
        keys = self._by_algorithm.get(algorithm, [])
        return keys[0] if len(keys) == 1 else None


def is_signed(token: str, key: PyJWK) -> bool:
    """Return whether a token was signed with this key and its algorithm, and has no critical extensions."""
    try:
        PyJWS(algorithms=[key.algorithm_name]).decode_complete(token, key, algorithms=[key.algorithm_name])
    except (PyJWTError, ValueError):
        return False
    return True


def _usable(entry: msgspec.Raw, algorithms: Collection[Algorithm]) -> Iterator[tuple[str | None, PyJWK]]:
    """Yield a key, with its id, for each algorithm that it can be used for."""
    try:
        key = msgspec.json.decode(entry, type=_Key)
        numbers = msgspec.json.decode(entry, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    for algorithm in algorithms:
        kind, curve = _KINDS[algorithm]
        fits = key.kty == kind and (curve is None or key.crv == curve) and key.alg in {None, algorithm}
        if fits and key.verifies:
            try:
                made = PyJWK(numbers, algorithm)
            except (PyJWTError, ValueError, TypeError):
                return
            if kind != "RSA" or made.key.key_size >= LEAST_RSA_BITS:
                yield key.kid, made
