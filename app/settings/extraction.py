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
    """Configure the language model that takes facts out of messages, which needs the extra `openai`."""

    base_url: _BaseUrl = None
    """The base URL of a server with the OpenAI chat API; without it OpenAI's own is asked. Set it to keep messages on
    machines of yours.
    """
    api_key: Secret | None = None
    """The key for that server. Set it where the server asks for one."""
    model: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    """The model that takes facts out of messages; without it nothing is extracted. Set it for mem0's clients that
    expect facts.
    """
    deadline: Annotated[float, Meta(ge=0.1, le=MAX_DEADLINE)] = 20.0
    """The seconds for the model's answer. Raise it for a slow model, whose facts are stored after the request has
    ended.
    """
    wait: Annotated[float, Meta(ge=0, le=MAX_DEADLINE)] = 5.0
    """The seconds for which a request waits for its facts. Lower it where callers do not read the facts in the answer.
    """
    concurrency: Annotated[int, Meta(ge=1, le=MAX_CONCURRENCY)] = 4
    """The requests of which each process extracts facts at once. Raise it as far as the model's server allows."""
    queue: Annotated[int, Meta(ge=0, le=MAX_QUEUE)] = 100
    """The requests that may wait for the model in each process; of further ones no facts are extracted. Raise it where
    bursts are longer than that.
    """
    max_input_chars: Annotated[int, Meta(ge=1, le=MOST_INPUT_CHARS)] = 50_000
    """The characters of messages of one request; of longer ones no facts are extracted. Raise it for a model that reads
    more.
    """
    max_facts: Annotated[int, Meta(ge=1, le=MAX_FACTS)] = 20
    """The facts of one request that are stored. Raise it where long conversations are added at once."""
