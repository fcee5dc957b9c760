"""How `ninai keys list` shows keys: never a secret, nor its hash."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from app.auth.key_uses import KeyUse
from app.cli.tables import table
from app.settings.auth import Grant, KeySettings

NEVER = "-"


class KeyView(Struct, frozen=True, kw_only=True):
    """Show one key: `former_until` is when the secret before a rotation ends; `uses` are the last of each host."""

    name: str
    tenant: str
    scopes: list[Grant]
    users: str
    state: Literal["active", "rotating", "expired", "revoked"]
    expires: datetime | None
    former_until: datetime | None
    uses: list[KeyUse]
    source: str


def view_of(name: str, key: KeySettings, source: str, uses: list[KeyUse], now: datetime) -> KeyView:
    """Return a key as it is shown."""
    rotating = key.former_hash is not None and (key.former_until is None or now < key.former_until)
    return KeyView(
        name=name,
        tenant=key.tenant,
        scopes=list(key.scopes),
        users=_users_of(key),
        state=_state_of(key, now, rotating=rotating),
        expires=key.expires,
        former_until=key.former_until if rotating else None,
        uses=uses,
        source=source,
    )


def in_words(views: list[KeyView]) -> str:
    """Draw keys as a table, with the newest of their uses."""
    head = ("name", "tenant", "scopes", "users", "state", "expires", "last use")
    return table(head, [_row(view) for view in views])


def _row(view: KeyView) -> tuple[object, ...]:
    state = view.state if view.former_until is None else f"{view.state} until {_moment(view.former_until)}"
    used = f"{_moment(view.uses[0].at)} on {view.uses[0].host}" if view.uses else NEVER
    return view.name, view.tenant, ",".join(view.scopes), view.users, state, _moment(view.expires), used


def _moment(moment: datetime | None) -> str:
    return NEVER if moment is None else moment.isoformat(timespec="minutes")


def _users_of(key: KeySettings) -> str:
    users = [*([] if key.user is None else [key.user]), *key.users]
    also = [f"reads {owner}" for owner in key.reads]
    return ",".join([*users, *([] if key.user_prefix is None else [f"{key.user_prefix}..."]), *also]) or "any"


def _state_of(
    key: KeySettings, now: datetime, *, rotating: bool
) -> Literal["active", "rotating", "expired", "revoked"]:
    if key.revoked is not None:
        return "revoked"
    if key.expires is not None and now >= key.expires:
        return "expired"
    return "rotating" if rotating else "active"
