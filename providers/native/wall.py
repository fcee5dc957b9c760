"""The condition by which each statement names the tenants that it is about, before it reads or writes a memory.

Row-level security shows a statement the memories of those tenants alone (see `providers/native/row_security.py`), so
that one that forgets to name a user still meets nothing of another tenant. The statement makes the setting itself: that
takes no round trip of its own, and reaches the right server connection behind a transaction pooler. The setting ends
with the transaction, which without `BEGIN` is the statement. PostgreSQL evaluates a condition without columns before
the scan that it is attached to, and the policies after; so every scan of `ninai_memories` needs one of its own. Without
one it sees nothing.
"""

import re
from collections.abc import Iterable
from typing import Any

from providers.owners import Owner

OWNER_COLUMN = "user_id"  # in every table whose rows belong to owners; holds the key of the owner

SETTING = "ninai.tenants"
EVERY = "*"  # the tenants, for background work; no tenant is called so
SEPARATOR = ","  # no tenant contains it


def within(tenants: str) -> str:
    """Return the condition that limits a scan to tenants; `tenants` is SQL for the text that `tenants_of` returns."""
    return making(SETTING, tenants)


def making(setting: str, value: str) -> str:
    """Return the condition that makes a setting until the transaction ends, and holds; `value` is SQL for a text."""
    return f"(SELECT set_config('{setting}', {value}, true)) IS NOT NULL"


def without_settings(sql: str) -> str:
    """Return a statement whose conditions make no settings, for where neither a policy nor a trigger reads them."""
    return _CONDITION.sub(r"\1 IS NOT NULL", sql)


_CONDITION = re.compile(re.escape(making("#", "@")).replace("\\#", r"[a-z.]+").replace("@", "(.+?)"))

NAMED = within("CAST(:tenants AS text)")  # of a statement whose values have `tenants`
ALL = within(f"'{EVERY}'")


def tenants_of(keys: Iterable[str]) -> str:
    """Return the tenants of owners, given by their keys, as the setting names them."""
    return SEPARATOR.join(sorted({Owner.of_key(key).tenant for key in set(keys)}))


def values_of(owner: Owner) -> dict[str, Any]:
    """Return the values of a statement about one owner: the key as `user_id`, and the `tenants`."""
    return {"user_id": owner.key, "tenants": owner.tenant}
