"""The owner of memories, and the one text by which stores know it."""

from typing import Self

from msgspec import Struct

DEFAULT_TENANT = "default"


# Begins the key of an owner of any other tenant, and ends the tenant in it; no user id and no tenant contains it.
KEY_MARK = "\x1f"


class Owner(Struct, frozen=True):
    """The owner of memories: a user of a tenant."""

    user: str
    tenant: str = DEFAULT_TENANT

    @property
    def key(self) -> str:
        """The one text by which stores and journals know the owner: for the default tenant the bare user id."""
        return self.user if self.tenant == DEFAULT_TENANT else f"{KEY_MARK}{self.tenant}{KEY_MARK}{self.user}"

    @property
    def label(self) -> str:
        """The owner as operators read it: for the default tenant the bare user id, else tenant and user."""
        return self.user if self.tenant == DEFAULT_TENANT else f"{self.tenant}/{self.user}"

    @classmethod
    def of_key(cls, key: str) -> Self:
        """Return the owner of a key; a text that is no owner's key is one of an owner whom `check_owner` refuses."""
        if not key.startswith(KEY_MARK):
            return cls(key)
        tenant, mark, user = key[1:].partition(KEY_MARK)
        return cls(user, tenant) if mark and tenant != DEFAULT_TENANT else cls(key)
