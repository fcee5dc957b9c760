"""The namespaces of an index: one for each owner, and one for what is known of the store itself."""

from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import quote, unquote

from providers.owners import Owner

MAX_NAMESPACE_CHARS = 512  # of ASCII, as Pinecone has it
OWNER = "o"  # in the metadata of every record: the key of its owner

_HASHED = "~"  # begins what stands for the key of an owner that is too long; no other key begins so


class Namespaces:
    """Name the namespaces of one installation, which begin with its prefix."""

    def __init__(self, prefix: str) -> None:
        self.store = prefix
        self.owners = f"{prefix}:"

    def of(self, owner: Owner) -> str:
        """Return the namespace of an owner: readable, unless that were too long."""
        named = self.owners + quote(owner.key, safe="").replace("~", "%7E")
        if len(named) <= MAX_NAMESPACE_CHARS:
            return named
        return f"{self.owners}{_HASHED}{sha256(owner.key.encode()).hexdigest()}"

    def owner_of(self, namespace: str) -> Owner | None:
        """Return the owner of a namespace, None if only its records tell."""
        named = namespace[len(self.owners) :]
        return None if named.startswith(_HASHED) else Owner.of_key(unquote(named))


def owner_in(metadata: Mapping[str, str]) -> Owner | None:
    """Return the owner that a record tells of."""
    key = metadata.get(OWNER)
    return Owner.of_key(key) if isinstance(key, str) else None
