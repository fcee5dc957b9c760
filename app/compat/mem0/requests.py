"""The bodies and queries that mem0's clients send; fields that are not named here are ignored, as mem0 does."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from app.compat.mem0.labels import EntityNames
from providers.errors import InvalidInput
from providers.types import Metadata


class Named(Struct, frozen=True, kw_only=True):
    """Whose memories are meant, by up to four names."""

    user_id: str | None = None
    agent_id: str | None = None
    app_id: str | None = None
    run_id: str | None = None

    @property
    def nobody(self) -> bool:
        """Whether no name is given."""
        return not (self.user_id or self.agent_id or self.app_id or self.run_id)

    @property
    def labels(self) -> EntityNames:
        """The names beside the user."""
        return EntityNames(agent_id=self.agent_id or None, app_id=self.app_id or None, run_id=self.run_id or None)


class Part(Struct, frozen=True):
    """A part of a message; texts alone can be stored."""

    type: str = "text"
    text: str = ""


class SaidMessage(Struct, frozen=True):
    """One message of a conversation."""

    content: str | list[Part]
    role: str = "user"

    @property
    def text(self) -> str:
        """What the message says; raise `InvalidInput` if it is more than text."""
        if isinstance(self.content, str):
            return self.content
        if any(part.type != "text" for part in self.content):
            raise InvalidInput("messages", "must be text: images, sound and documents are not stored")
        return "\n".join(part.text for part in self.content)


def refuse_unserved(enable_graph: object) -> None:
    """Raise `InvalidInput` if something is asked for that would not be done: ignoring it would break a promise."""
    if enable_graph:
        raise InvalidInput("enable_graph", "is not supported: there is no graph here")


class AddBody(Named, frozen=True, kw_only=True):
    """Messages to be stored, each as a memory."""

    messages: str | SaidMessage | list[SaidMessage]
    metadata: Metadata | None = None
    infer: bool | None = None
    output_format: str | None = None
    timestamp: int | None = None
    expiration_date: str | None = None
    enable_graph: bool | None = None

    @property
    def said(self) -> list[SaidMessage]:
        """The messages; instructions to a model are none."""
        if isinstance(self.messages, str):
            return [SaidMessage(self.messages)]
        messages = [self.messages] if isinstance(self.messages, SaidMessage) else self.messages
        return [message for message in messages if message.role != "system"]


class Narrowed(Named, frozen=True, kw_only=True):
    """Conditions on the memories that are meant: names at the top, or anywhere in the filters."""

    filters: dict[str, Any] | None = None
    categories: Any = None
    keywords: Any = None
    start_date: Any = None
    end_date: Any = None

    def refuse(self) -> None:
        """Raise `InvalidInput` if there are conditions that would not be heeded."""
        if self.categories:
            raise InvalidInput("categories", "is not supported: memories are not sorted into categories here")
        if self.keywords:
            raise InvalidInput("keywords", "is not supported: words are found by the query")
        if self.start_date is not None or self.end_date is not None:
            raise InvalidInput("start_date", "is not supported, nor is end_date: use created_at in the filters")


class SearchBody(Narrowed, frozen=True, kw_only=True):
    """A question."""

    query: str
    top_k: int | None = None
    limit: int | None = None
    threshold: float | None = None
    output_format: str | None = None


class ListBody(Narrowed, frozen=True, kw_only=True):
    """Which memories are to be listed."""

    page: int | None = None
    page_size: int | None = None


class UpdateBody(Struct, frozen=True, kw_only=True):
    """The changes to a memory; what is left out stays."""

    text: str | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET
    expiration_date: str | UnsetType | None = UNSET


class BatchItem(Struct, frozen=True, kw_only=True):
    """One memory of a batch, and its new text where it is changed."""

    memory_id: str
    text: str | None = None


class BatchBody(Struct, frozen=True):
    """Memories to be changed or deleted."""

    memories: list[BatchItem]
