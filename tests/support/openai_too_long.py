"""How servers that speak the OpenAI API refuse a text that has too many tokens for their model."""

import re
from enum import Enum

_PIECE = re.compile(r"[a-zA-Z]{1,12}|[0-9]{1,2}|\S")  # tokens as a BPE cuts them, roughly: 4 to 5 characters of prose


def tokens_of(text: str) -> int:
    """Return how many tokens a server counts in a text."""
    return len(_PIECE.findall(text))


class TooLong(Enum):
    """The status, the message and the code of such a refusal."""

    OPENAI = (
        400,
        "This model's maximum context length is {limit} tokens, however you requested {tokens} tokens.",
        None,
    )
    OPENAI_BRIEF = (400, "Invalid 'input': maximum context length is {limit} tokens.", None)
    CODE = (400, "{text}", "context_length_exceeded")
    VLLM = (400, "This model's maximum context length is {limit} tokens. Input contains at least {more} tokens.", None)
    TEI = (413, "`inputs` must have less than {limit} tokens. Given: {tokens}", None)
    LLAMA = (
        500,
        "input ({tokens} tokens) is too large to process. increase the batch size (current batch size: {limit})",
        None,
    )
    NIM = (422, "Input length {tokens} exceeds maximum allowed token size {limit}", None)
    PROXY = (413, "<html>Request Entity Too Large</html>", None)
    SILENT = (400, "Bad request: {text}", None)  # does not say why

    def told(self, limit: int, text: str) -> tuple[int, str, str | None]:
        """Return status, message and code for a text that has more tokens than the limit."""
        status, words, code = self.value
        return status, words.format(limit=limit, more=limit + 1, tokens=tokens_of(text), text=text), code
