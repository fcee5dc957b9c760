"""What can be configured of the extraction of facts from messages."""

from typing import Annotated

from msgspec import Meta, Struct

from observability.secret import Secret

MAX_CONCURRENCY = 64
MAX_QUEUE = 10_000
MAX_FACTS = 100
MOST_INPUT_CHARS = 1_000_000
MAX_DEADLINE = 120.0  # seconds

# Scheme, host, port and path: credentials and queries have no place in it.
_BaseUrl = Annotated[
    Annotated[str, Meta(pattern=r"^https?://(\[[0-9A-Fa-f:.]+\]|[^/?#@\s:\[\]]+)(:[0-9]{1,5})?(/[^?#\s]*)?\Z")] | None,
    Meta(description="the base URL of a server with the OpenAI chat API, as https://api.openai.com/v1"),
]


class ExtractionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure the language model that takes facts out of messages, which needs the extra `openai`; without one, none.

    The model has `deadline` seconds for its answer, and the caller waits `wait` seconds for the facts; what comes later
    is stored nevertheless. Each process extracts from `concurrency` requests at once while `queue` others wait, from up
    to `max_input_chars` characters of messages each, and stores up to `max_facts` facts of each.
    """

    base_url: _BaseUrl = None
    api_key: Secret | None = None
    model: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    deadline: Annotated[float, Meta(ge=0.1, le=MAX_DEADLINE)] = 20.0
    wait: Annotated[float, Meta(ge=0, le=MAX_DEADLINE)] = 5.0
    concurrency: Annotated[int, Meta(ge=1, le=MAX_CONCURRENCY)] = 4
    queue: Annotated[int, Meta(ge=0, le=MAX_QUEUE)] = 100
    max_input_chars: Annotated[int, Meta(ge=1, le=MOST_INPUT_CHARS)] = 50_000
    max_facts: Annotated[int, Meta(ge=1, le=MAX_FACTS)] = 20
