"""The user whose memories are meant, where mem0's clients name an agent, an application or a run alone."""

from app.auth.caller import Caller
from app.compat.calls import ProtocolCall
from app.compat.mem0.labels import LABELS, EntityNames, Label
from app.compat.mem0.requests import Named

_PREFIXES: dict[Label, str] = {label: f"mem0:{label}:" for label in LABELS}


def made_user(labels: EntityNames) -> str | None:
    """Return the name of the user that stands for an agent, an application or a run; None without any of them."""
    named = ((label, getattr(labels, label)) for label in LABELS)
    return next((_PREFIXES[label] + name for label, name in named if name), None)


def shown_user(user: str) -> str | None:
    """Return the user as clients see it: None for one that only stands for something else."""
    return None if user.startswith(tuple(_PREFIXES.values())) else user


def caller_named(call: ProtocolCall, named: Named) -> Caller:
    """Return the caller on behalf of the user named, else of the key's own, else of the one that is made.

    Raises:
        CallerRefused: the key does not speak for this user.
        InvalidInput: the user is invalid.
    """
    return caller_of(call, named.user_id, named.labels)


def caller_of(call: ProtocolCall, user: str | None, labels: EntityNames) -> Caller:
    """Return the same by the names themselves."""
    if user:
        return call.caller(user)
    if call.own_user is not None:
        return call.caller()
    return call.caller(made_user(labels))
