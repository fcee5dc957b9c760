"""How the mem0 provider is configured."""

from contextlib import AbstractAsyncContextManager
from typing import Literal

from msgspec import Struct

from observability.secret import Secret
from providers.errors import Misconfigured
from providers.replica import Replica
from providers.types import Host


class Mem0Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mem0"):
    """A mem0 service over HTTP; the settings are read and checked, the provider itself is not in this version."""

    base_url: str = "http://localhost:8001"
    api_key: Secret | None = None
    hmac_secret: Secret | None = None
    dialect: Literal["spec", "oss", "platform"] = "spec"

    def open(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Refuse: this version has no mem0 provider.

        Raises:
            Misconfigured: always.
        """
        raise Misconfigured(f"provider {host.name!r}: kind 'mem0' is not available in this version")
