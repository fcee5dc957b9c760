"""What adapters do with the messages of a conversation: they store them, and ask for what has to do with the latest."""

from collections.abc import Iterable, Iterator

from ninaivalaigal import operations
from ninaivalaigal.calls import Plan
from ninaivalaigal.keyed import check
from ninaivalaigal.limits import MAX_BATCH, MAX_CONTENT_CHARS, MAX_LABEL_CHARS, MAX_QUERY_CHARS
from ninaivalaigal.options import ChatMessage, MessagesOptions

INTRODUCTION = "What is remembered of earlier conversations:\n"


def messages_of(spoken: Iterable[tuple[str, str]]) -> list[ChatMessage]:
    """Return what was spoken, speakers with texts, as the service takes it: no blanks, and long texts in pieces."""
    return [
        {"role": speaker[:MAX_LABEL_CHARS] if speaker.strip() else "unknown", "content": piece}
        for speaker, text in spoken
        for piece in pieces(text)
    ]


def pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces that the service takes as contents."""
    for begin in range(0, len(text), MAX_CONTENT_CHARS):
        piece = text[begin : begin + MAX_CONTENT_CHARS]
        if piece.strip():
            yield piece


def keep(spoken: Iterable[tuple[str, str]], options: MessagesOptions) -> Plan[int]:
    """Store what was spoken, each message as a memory, and return how many there were.

    Raises:
        PartlyFailed: some could not be stored.
    """
    messages = messages_of(spoken)
    key = options.get("idempotency_key")
    for begin in range(0, len(messages), MAX_BATCH):
        if key is not None:  # each request has its own
            options["idempotency_key"] = f"{key}-{begin}"
        check((yield from operations.remember_messages(messages[begin : begin + MAX_BATCH], **options)))
    return len(messages)


def remembered_for(texts: Iterable[str], *, user: str | None, limit: int) -> Plan[str]:
    """Return what is remembered that has to do with texts, line by line; nothing if there is nothing to ask for."""
    question = "\n".join(text for text in texts if text.strip())[-MAX_QUERY_CHARS:]
    if not question.strip():
        return ""
    answer = yield from operations.recall(question, limit=limit, format="text", user=user)
    return answer.text or ""
