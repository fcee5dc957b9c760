"""The base of the settings of every kind of journal: a kind knows itself, and is not asked which one it is."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Self

from msgspec import Struct

from providers.examination.check import Check, FailureDomain, JournalSubject
from providers.host import Host
from providers.journal.base import Journal, NoJournal


class JournalKind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of the settings of a kind of journal, with what is true of most kinds."""

    @property
    def serves_several(self) -> bool:
        """Whether several providers can agree by it."""
        return True

    def resolved(self) -> "JournalKind | None":
        """Return the journal for several providers, None if there shall be none."""
        return self

    def always(self, data_dir: Path) -> bool:  # noqa: ARG002 - the shape they share
        """Whether a single provider has a journal as well."""
        return True

    def begun(self, data_dir: Path) -> Path | None:  # noqa: ARG002 - the shape they share
        """Return the file of a journal that nobody asks for, and that goes on because it was once begun."""
        return None

    def file_in(self, data_dir: Path) -> Path | None:  # noqa: ARG002 - the shape they share
        """Return the file that a journal of this kind is, None for one that lives elsewhere."""
        return None

    def missing(self, data_dir: Path, *, alone: bool) -> str | None:  # noqa: ARG002 - the shape they share
        """Return why there is no journal that could be read, None if there may be one."""
        return None

    def left_open(self, data_dir: Path) -> str | None:  # noqa: ARG002 - the shape they share
        """Return who still works with a former journal in the place of this one, None if nobody is known to."""
        return None

    def open(self, host: Host) -> AbstractAsyncContextManager[Journal]:
        """Hold the journal open for as long as the context lasts."""
        raise NotImplementedError

    def open_on_trial(self, host: Host) -> AbstractAsyncContextManager[Journal]:
        """Hold the journal open as a start would; a file that is made for it is removed at the end of the context."""
        return self.open(host)

    @asynccontextmanager
    async def opened_to_look(self, host: Host, *, alone: bool) -> AsyncIterator[Journal]:
        """Hold the journal open from outside the service; none is made where there is none.

        Raises:
            NoJournal: none is configured, or it was never made.
            JournalUnavailable: it cannot be read.
        """
        reason, chosen = self.missing(host.data_dir, alone=alone), self.resolved()
        if reason is not None or chosen is None:
            raise NoJournal(reason)
        async with chosen.open(host) as journal:
            yield journal

    def normalised(self) -> Self:
        """Return the same settings, each value in the form that the kind takes.

        Raises:
            SettingFault: a value has no such form.
        """
        return self

    def failure_domain(self) -> FailureDomain | None:
        """Return what asks for the failure domain of the journal; None where there is nobody to be asked."""
        return None

    def checks(self, subject: JournalSubject) -> Sequence[Check]:
        """Return the checks of the journal, in their order; none of them changes anything."""
        return self.contents_checks(subject)

    def contents_checks(self, subject: JournalSubject, needs: tuple[str, ...] = ()) -> Sequence[Check]:
        """Return the checks of what the journal holds."""
        from providers.journal.examination import contents_checks

        return contents_checks(subject, lambda: self.opened_to_look(subject.host, alone=subject.alone), needs)
