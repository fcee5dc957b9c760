"""An issuer of tokens: it signs with its keys, publishes their public halves over HTTP, and rotates them."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_curve_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from app.auth.tokens.issuer import Issuer
from app.auth.tokens.key_set import KeySet
from app.settings.auth import IssuerSettings
from tests.support.openai_http import receive, response

ISSUER = "https://issuer.example"
AUDIENCE = "ninai"
PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


def curve_key() -> EllipticCurvePrivateKey:
    """Return a new key for ES256."""
    return new_curve_key(SECP256R1())


def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    """Return a new key for RS256 and PS256."""
    return new_rsa_key(65537, bits)


def jwk(key: PrivateKey, kid: str | None, **more: object) -> dict[str, Any]:
    """Return the public half of a key as a JSON Web Key."""
    public = key.public_key()
    if isinstance(key, RSAPrivateKey):
        found = json.loads(RSAAlgorithm.to_jwk(public))  # type: ignore[arg-type] # of the same key
    elif isinstance(key, EllipticCurvePrivateKey):
        found = json.loads(ECAlgorithm.to_jwk(public))  # type: ignore[arg-type] # of the same key
    else:
        found = json.loads(OKPAlgorithm.to_jwk(public))  # type: ignore[arg-type] # of the same key
    found.pop("key_ops", None)
    return {**found, **({} if kid is None else {"kid": kid}), **more}


class TokenIssuer:
    """Issue tokens, with the newest of its keys; `published` are those that its key set has."""

    def __init__(self, algorithm: str = "ES256", key: PrivateKey | None = None) -> None:
        self.algorithm, self.number = algorithm, 1
        self.key: PrivateKey = key or curve_key()
        self.published = [jwk(self.key, self.kid)]
        self.fetched = 0
        self.url = ""
        # Instead of the key set, if there is one.
        self.answer: bytes | None = None

    @property
    def kid(self) -> str:
        """The id of the key that is signed with."""
        return f"k{self.number}"

    @property
    def key_set(self) -> bytes:
        """The key set as it is published."""
        return json.dumps({"keys": self.published}).encode()

    def rotate(self, *, withdraw: bool = False) -> None:
        """Sign with a new key from now on; the one of before stays published, unless it is withdrawn."""
        self.key, self.number = curve_key(), self.number + 1
        self.published = [*([] if withdraw else self.published), jwk(self.key, self.kid)]

    def claims(self, now: float | None = None, **other: object) -> dict[str, Any]:
        """Return the claims of a good token, with others in place of some; None leaves one out."""
        at = int(time.time() if now is None else now)
        good = {
            "iss": ISSUER,
            "sub": "alice",
            "aud": AUDIENCE,
            "iat": at,
            "nbf": at,
            "exp": at + 600,
            "scope": "memory",
        }
        return {name: value for name, value in {**good, **other}.items() if value is not None}

    def token(self, now: float | None = None, head: Mapping[str, object] | None = None, **other: object) -> str:
        """Return a signed token with these claims."""
        header = {"kid": self.kid, **(head or {})}
        headers = {name: value for name, value in header.items() if value is not None}
        return jwt.encode(self.claims(now, **other), self.key, self.algorithm, headers)

    @asynccontextmanager
    async def served(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["TokenIssuer"]:
        """Publish the keys over HTTP while the context lasts, encrypted if there is a certificate for it."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await receive(reader)
            self.fetched += 1
            writer.write(response(200, self.key_set) if self.answer is None else self.answer)
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls) as server:
            self.url = f"http{'' if tls is None else 's'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
            yield self


def certified(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server shows that has a certificate for this name, and what a client believes that trusts it."""
    key, subject = curve_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    public, private = folder / "issuer.pem", folder / "issuer.key"
    public.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(public, private)
    return server, ssl.create_default_context(cafile=public)


def issuer_settings(**other: Any) -> IssuerSettings:  # noqa: ANN401 - each of its own type
    """Return settings that accept the tokens of an issuer."""
    return IssuerSettings(**{"issuer": ISSUER, "audience": [AUDIENCE], "jwks": "https://issuer.example/jwks", **other})


def known(source: TokenIssuer, **other: Any) -> Issuer:  # noqa: ANN401 - as above
    """Return an issuer whose keys are known; more settings may be given."""
    issuer = Issuer("company", issuer_settings(**other), time.monotonic)
    issuer.keys = KeySet(source.key_set, issuer.settings.algorithms)
    issuer.looked()
    return issuer
