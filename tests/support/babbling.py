"""A provider with a bug in every method, whose error repeats every argument."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from providers.owners import Owner
from providers.types import Deletion, Edit, NewMemory, PageQuery, RecallQuery
from tests.support.frail import FrailProvider

_Bug = Callable[..., Awaitable[Any]]


def babbling_provider() -> FrailProvider:
    """Raise what a library might raise: an error with the arguments in its words, its cause, and its notes."""
    provider = FrailProvider()
    bugs: Sequence[_Bug] = (store_many, find, find_many, erase, page, fetch, change)
    provider.instead |= {bug.__name__: bug for bug in bugs}
    return provider


async def store_many(_provider: FrailProvider, memories: Sequence[NewMemory]) -> None:
    """Fail as a group of tasks does."""
    texts = [memory.content for memory in memories]
    inner = [RuntimeError(texts), ValueError(memories)]
    raise ExceptionGroup(str(texts), [*inner, ExceptionGroup(str(memories), [KeyError(*texts)])])


async def find(_provider: FrailProvider, query: RecallQuery) -> object:
    """Fail while another error is handled."""
    try:
        return dict[str, object]()[query.query]
    except KeyError:
        raise ValueError(query)  # noqa: B904 - the point


async def find_many(_provider: FrailProvider, queries: Sequence[RecallQuery]) -> None:
    """Fail with everything at once."""
    raise RuntimeError(queries)


async def erase(_provider: FrailProvider, deletion: Deletion) -> None:
    """Fail with a note."""
    error = LookupError(deletion)
    error.add_note(deletion.owner.user)
    raise error


async def page(_provider: FrailProvider, query: PageQuery) -> None:
    """Fail in a line that shows nothing."""
    raise UnicodeEncodeError("ascii", f"{query}\ud800", 0, 1, query.owner.user)


async def fetch(_provider: FrailProvider, owner: Owner, memory_id: str) -> None:
    """Fail because of another error."""
    raise RuntimeError(owner) from KeyError(memory_id)


async def change(_provider: FrailProvider, edit: Edit) -> None:
    """Fail because of an error that quotes what it could not read."""
    try:
        int(f"{edit.content}{edit.metadata}")
    except ValueError as error:
        raise LookupError(edit) from error
    raise RuntimeError(edit)
