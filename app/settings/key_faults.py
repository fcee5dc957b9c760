"""What is wrong with the settings of one key, beyond what each value's type requires."""

from app.settings.auth import KeySettings, scopes_of
from app.settings.errors import shown
from providers.errors import InvalidInput
from providers.limits import check_user_id


def key_fault(key: KeySettings) -> tuple[str, str] | None:
    """Return the field that breaks a rule or contradicts another one, and why; None if there is none."""
    named = [name for name in ("user", "users", "user_prefix") if getattr(key, name) not in (None, [])]
    if named and not any(grant.startswith("memory") or grant == "admin:memories" for grant in key.scopes):
        return named[0], 'the key speaks for no user without the scope "memory"'
    if key.reads and not (named and "memory:read" in scopes_of(key.scopes)):
        return (
            "reads",
            'needs "memory:read", and user, users or user_prefix: without them the key speaks for all',
        )
    if key.former_until is not None and key.former_hash is None:
        return "former_until", "there is no former_hash"
    if key.former_hash == key.hash:
        return "former_hash", "the same as hash"
    users = [("user", key.user), ("user_prefix", key.user_prefix), *(("users", user) for user in key.users)]
    users += [("reads", owner) for owner in key.reads]
    for field, user in users:
        try:
            if user is not None:
                check_user_id(user)
        except InvalidInput as error:
            return field, f"{error.reason}, got {shown(user)}"
    return None
