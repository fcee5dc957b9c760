"""The question of an operator about a user's memories: a list of those that meet conditions, or a recall among them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from app.controllers.lists import CONDITIONS, MOMENTS_OF_CREATION
from app.http.admission import price
from app.http.schemas import ConditionsRequest
from app.http.where import read_where
from providers.errors import InvalidInput
from providers.labels import LABELS
from providers.limits import MAX_QUERY_CHARS, check_conditions, check_text
from providers.source import ASKED, ORIGINS
from providers.types import Conditions

QUERY, KEY_PREFIX, WHERE, ORIGIN = "query", "key_prefix", "where", "origin"
CHOOSING = (KEY_PREFIX, *CONDITIONS)  # which memories are meant
FIELDS = (QUERY, *CHOOSING)
_HINTS = {
    KEY_PREFIX: "Key begins with",
    WHERE: "Metadata (JSON)",
    **dict(zip(ASKED, ("Origin", "Written by", "With the key"), strict=True)),
    **dict(zip(MOMENTS_OF_CREATION, ("Created from (UTC)", "Created before (UTC)"), strict=True)),
}


class FormField(Struct, frozen=True):
    """One condition of the form: what it is called, and what was given for it."""

    name: str
    label: str
    given: str


class BrowserQuestion(Struct, frozen=True):
    """What is asked for: memories that meet the `conditions`, ranked by a `query`, listed if that is empty."""

    query: str
    conditions: Conditions


def given_in(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of a question that were filled in; a browser sends those as well that were not."""
    return {name: parameters[name] for name in FIELDS if parameters.get(name)}


def form_of(given: Mapping[str, str]) -> list[FormField]:
    """Return the conditions of the form, with what was given for them."""
    names = (*LABELS, KEY_PREFIX, *ASKED, *MOMENTS_OF_CREATION, WHERE)
    return [FormField(name, _HINTS.get(name, name.capitalize()), given.get(name, "")) for name in names]


def question_of(given: Mapping[str, str]) -> BrowserQuestion:
    """Return the question that was filled in.

    Raises:
        InvalidInput: a part of it is none.
        RequestError: it costs too much.
    """
    query = given.get(QUERY, "")
    if query:
        check_text(QUERY, query, MAX_QUERY_CHARS)
    conditions = replace(_conditions(given).conditions, key_prefix=given.get(KEY_PREFIX))
    check_conditions(conditions)
    return BrowserQuestion(query, conditions)


def _conditions(given: Mapping[str, str]) -> ConditionsRequest:
    wanted: dict[str, Any] = {name: given[name] for name in (*LABELS, *ASKED) if name in given}
    if (origin := wanted.get(ORIGIN)) is not None and origin not in ORIGINS:
        raise InvalidInput(ORIGIN, f"must be one of {', '.join(ORIGINS)}")
    wanted |= {name: _moment(name, given[name]) for name in MOMENTS_OF_CREATION if name in given}
    conditions = ConditionsRequest(where=read_where(given.get(WHERE)), **wanted)
    price.of_conditions(conditions)
    return conditions


def _moment(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(name, "must be a date, or a date and time, as 2026-11-30T18:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
