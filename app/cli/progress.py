"""The progress of filling providers: a bar on a terminal, lines elsewhere, both on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from providers.chain.status import ChainStatus, ProviderStatus, Role

Show = Callable[[ChainStatus], None]


def filling(status: ChainStatus) -> list[ProviderStatus]:
    """Return the providers that have not received everything."""
    return [provider for provider in status.providers if provider.role.incomplete]


def stage(provider: ProviderStatus) -> str:
    """Describe how far the filling of a provider is."""
    progress = provider.progress
    if provider.reason is not None:
        return f"{provider.name} {'is refused' if provider.refused else 'waits'}: {provider.reason}"
    if provider.role is Role.RESTORED and progress is None:
        return f"{provider.name} receives again what the journal retains"
    if progress is None:
        return f"{provider.name} is about to be filled, or another process fills it"
    if progress.verifying:
        return f"{provider.name}: {progress.verified} compared"
    return f"{provider.name}: {progress.copied} copied"


@contextmanager
def showing(status: ChainStatus, memories: int) -> Iterator[Show]:
    """Yield a function that shows each status; `memories` is how many a provider is to receive, 0 if not known."""
    if not memories or not sys.stderr.isatty():
        yield _LineProgress()
        return
    # Everything is copied first, and then compared.
    length = 2 * memories * len(status.providers)
    with click.progressbar(length=length, label=_label(status), file=sys.stderr) as bar:

        def show(status: ChainStatus) -> None:
            bar.label = _label(status)
            bar.update(sum(_done(provider, memories) for provider in status.providers) - bar.pos)

        yield show


class _LineProgress:
    """Print a line for every change."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, status: ChainStatus) -> None:
        line = _label(status)
        if line != self._said:
            click.echo(line, err=True)
            self._said = line


def _label(status: ChainStatus) -> str:
    return ", ".join(map(stage, filling(status))) or "all providers have received everything"


def _done(provider: ProviderStatus, memories: int) -> int:
    """Count memories copied and compared; tombstones are copied as well, so that there may seem to be more."""
    if not provider.role.incomplete:
        return 2 * memories
    if provider.progress is None:
        return 0
    if provider.progress.verifying:
        return memories + min(memories, provider.progress.verified)
    return min(memories, provider.progress.copied)
