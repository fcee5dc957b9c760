"""The stores of a chain as a command reaches them: through the running service, or opened by the command itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode

import click
from msgspec import Struct

from app.cli import options
from app.cli.database import database_for
from app.cli.loading import ConfigProblem, exit_on, load_or_exit
from app.cli.service_client import RunningService
from app.cli.service_options import of_service, service_at
from app.process.host import offline_host
from app.settings import Settings
from app.settings.errors import quoted
from observability.logs import configure_logs
from providers.chain.comparing.choosing import to_compare, to_merge
from providers.chain.comparing.pages import DiffPage, MergePage
from providers.chain.comparing.walking import WalkPlace
from providers.chain.link import Link
from providers.chain.observer import Unobserved
from providers.chain.opening import ProviderSpec, open_link
from providers.chain.policy import AttemptPolicy
from providers.errors import ProviderError
from providers.factory import MemoryProviderFactory
from providers.journal.base import Journal, NoJournal
from providers.journal.operations import MemberState

_PAGE_SECONDS = 120.0  # for the answer to one page: the last call that it makes may take long at a slow store

Result = TypeVar("Result")


class ReachedStores(Protocol):
    """Compare and merge page by page."""

    async def diff(self, first: str, second: str, after: str | None, most: int) -> DiffPage:
        """Compare two stores."""

    async def merge(self, name: str, after: str | None) -> MergePage:
        """Merge a store with the complete ones."""


class StoresOfService(Struct, frozen=True):
    """The stores behind a running service."""

    service: RunningService

    async def diff(self, first: str, second: str, after: str | None, most: int) -> DiffPage:
        """See `ReachedStores`."""
        path = _path(first, "differences", other=second, limit=str(most), after=after)
        return self.service.get(path, DiffPage, seconds=_PAGE_SECONDS)

    async def merge(self, name: str, after: str | None) -> MergePage:
        """See `ReachedStores`."""
        return self.service.post(_path(name, "merge", after=after), MergePage, seconds=_PAGE_SECONDS)


class OpenedStores(Struct, frozen=True):
    """The stores and the journal, opened here, while a service may or may not work with them."""

    journal: Journal
    links: Sequence[Link]

    async def diff(self, first: str, second: str, after: str | None, most: int) -> DiffPage:
        """See `ReachedStores`."""
        pages = await to_compare(self.journal, self.links, {first, second})
        return await pages.diff(_place(after), most)

    async def merge(self, name: str, after: str | None) -> MergePage:
        """See `ReachedStores`."""
        members = await self.journal.members()
        complete = {member.name for member in members if member.state is MemberState.COMPLETE}
        known = complete & {link.name for link in self.links}
        return await (await to_merge(self.journal, self.links, name, known)).merge(_place(after))


class Reach(Struct, frozen=True):
    """What the options say about the way to the stores."""

    service: RunningService
    settings: Settings | None

    def run(self, names: Sequence[str], work: Callable[[ReachedStores], Awaitable[Result]]) -> Result:
        """Do a piece of work with the stores, of which the names must be in the order."""
        if self.settings is None:
            return asyncio.run(_awaited(work(StoresOfService(self.service))))
        settings = self.settings
        for name in names:
            if name not in settings.order:
                raise ConfigProblem(f"{quoted([name])} is not in the order, which is: {', '.join(settings.order)}")
        configure_logs(settings.log.format, "error")
        with ExitStack() as databases, exit_on(ProviderError, NoJournal):
            for name in settings.order:
                databases.enter_context(database_for(settings, name, make=False))
            return asyncio.run(_worked(settings, work))


def with_stores(command: Callable[..., None]) -> Callable[..., None]:
    """Pass a `Reach` to a command as its first argument, by options that it takes with this."""

    @of_service
    @click.option("--offline", is_flag=True, help="Open the journal and the stores here, past the service.")
    @options.own_config_file
    @options.data_dir
    @click.pass_obj
    @wraps(command)
    def reaching(
        config_file: Path | None,
        /,
        *,
        url: str,
        key_file: Path | None,
        offline: bool,
        own_config_file: Path | None,
        data_dir: Path | None,
        **arguments: object,
    ) -> None:
        settings = None
        if offline:
            settings = load_or_exit(own_config_file or config_file, options.in_data_dir(data_dir)).settings
        command(Reach(service_at(url, key_file), settings), **arguments)

    return reaching


async def _awaited(work: Awaitable[Result]) -> Result:
    return await work


async def _worked(settings: Settings, work: Callable[[ReachedStores], Awaitable[Result]]) -> Result:
    async with _opened(settings) as stores:
        return await work(stores)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[OpenedStores]:
    host = offline_host("journal", settings.data_dir)
    async with AsyncExitStack() as stack:
        alone = len(settings.order) == 1
        journal = await stack.enter_async_context(settings.journal.opened_to_look(host, alone=alone))
        yield OpenedStores(journal, await opened_links(settings, stack))


async def opened_links(settings: Settings, stack: AsyncExitStack) -> list[Link]:
    """Open the providers of the order, which `stack` closes again.

    Raises:
        Unavailable: one cannot be opened at all.
    """
    links = []
    for name in settings.order:
        provider = settings.providers[name]
        spec = ProviderSpec(
            name=name,
            settings=provider,
            opened=partial(
                MemoryProviderFactory.create_provider,
                provider,
                offline_host(name, settings.data_dir, settings.history.retention),
            ),
            attempts=settings.chain.attempts.get(name, AttemptPolicy()),
            limits=provider.limits,
        )
        links.append((await open_link(spec, settings.chain, Unobserved(), stack)).link)
    return links


def _place(after: str | None) -> WalkPlace | None:
    return None if after is None else WalkPlace.read(after)


def _path(name: str, what: str, **query: str | None) -> str:
    given = {key: value for key, value in query.items() if value is not None}
    return f"/admin/providers/{quote(name, safe='')}/{what}" + (f"?{urlencode(given)}" if given else "")
