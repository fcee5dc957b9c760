"""The conditions on memories as query parameters, for every operation that takes them in its address."""

from datetime import datetime
from typing import Annotated

from litestar.params import QueryParameter

from app.http.schemas import ConditionsRequest
from app.http.where import MAX_WHERE_CHARS, read_where
from providers.labels import LABELS, MAX_LABEL_CHARS

CONDITIONS = (*LABELS, "where", "created_from", "created_before")


def _label(text: str) -> QueryParameter:
    return QueryParameter(min_length=1, max_length=MAX_LABEL_CHARS, description=text)


_WHERE = QueryParameter(max_length=MAX_WHERE_CHARS, description="A condition on the metadata, as JSON.")
_FROM = QueryParameter(description="The earliest moment of creation, with its time zone.")
_BEFORE = QueryParameter(description="The moment before which they were created, with its time zone.")

Session = Annotated[str | None, _label("Memories of this session.")]
Agent = Annotated[str | None, _label("Memories of this agent.")]
App = Annotated[str | None, _label("Memories of this app.")]
Speaker = Annotated[str | None, _label("Memories of this speaker.")]
Where = Annotated[str | None, _WHERE]
CreatedFrom = Annotated[datetime | None, _FROM]
CreatedBefore = Annotated[datetime | None, _BEFORE]


async def provide_conditions(
    *,
    session: Session = None,
    agent: Agent = None,
    app: App = None,
    speaker: Speaker = None,
    where: Where = None,
    created_from: CreatedFrom = None,
    created_before: CreatedBefore = None,
) -> ConditionsRequest:
    """Gather the conditions of a request; raise `InvalidInput` if `where` is none."""
    return ConditionsRequest(
        session=session,
        agent=agent,
        app=app,
        speaker=speaker,
        where=read_where(where),
        created_from=created_from,
        created_before=created_before,
    )
