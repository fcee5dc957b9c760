"""The base of the settings of every kind of provider: a kind knows itself, and is not asked which one it is."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Self

from msgspec import Struct

from providers.examination.check import Check, FailureDomain, Subject
from providers.expectations import ProviderLimits
from providers.host import Host
from providers.migrations import Migrations
from providers.replica import Replica
from providers.setting_fault import SettingFault


class Usage(Struct, frozen=True, kw_only=True):
    """How the configuration uses a provider.

    `in_use` if it is in the order, `alone` if nothing else is; `journalled` if its writes pass a journal. `begun` is
    the file of a journal that goes on because it was once begun.
    """

    name: str
    in_use: bool
    alone: bool
    journalled: bool
    begun: Path | None


class Advice(Struct, frozen=True, kw_only=True):
    """Where an operator should look.

    `address` is where the address of the backend stands, `access` what decides about access, `keeping` what to suspect
    if memories are not kept, `health` where to look if it is not healthy.
    """

    address: str
    access: str
    keeping: str
    health: str


class ProviderKind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of the settings of a kind of provider, with what is true of most kinds."""

    @property
    def limits(self) -> ProviderLimits:
        """What such a provider is like before anything is known of this one."""
        return ProviderLimits()

    @property
    def infers(self) -> bool:
        """Whether it keeps something else than it is given."""
        return False

    @property
    def embedded(self) -> bool:
        """Whether the service runs the server of its store, in the data folder."""
        return False

    @property
    def store_address(self) -> str | None:
        """The address of its store; two providers with one address are twins. None if it does not tell stores apart."""
        return None

    def open(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Hold the provider open for as long as the context lasts; its backend need not be up yet."""
        raise NotImplementedError

    def normalised(self) -> Self:
        """Return the same settings, each value in the form that the kind takes.

        Raises:
            SettingFault: a value has no such form.
        """
        return self

    def faults(self, usage: Usage) -> Iterator[SettingFault]:  # noqa: ARG002 - the shape they share
        """Yield what is wrong with the settings, beyond what each value's type says."""
        yield from ()

    def advice(self, name: str) -> Advice:
        """Return where to look if the provider of this name fails."""
        place = f"providers.{name}"
        return Advice(
            address=place,
            access=place,
            keeping="the backend itself: it does not keep what it is given",
            health=f"look at `ninai providers test {name}`, which tries every operation",
        )

    def failure_domain(self, host: Host) -> FailureDomain | None:  # noqa: ARG002 - the shape they share
        """Return what asks for the failure domain of the store; None where there is nobody to be asked."""
        return None

    def migrations(self, host: Host) -> AbstractAsyncContextManager[Migrations] | None:  # noqa: ARG002 - the shape they share
        """Hold the schema of the store open for as long as the context lasts; None if it has none."""
        return None

    def opened_to_look(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Open the provider so that this changes nothing."""
        return self.open(host)

    def checks(self, subject: Subject) -> Sequence[Check]:
        """Return the checks of a provider, in their order; none of them changes anything."""
        return [self.health_check(subject)]

    def health_check(self, subject: Subject, needs: tuple[str, ...] = ()) -> Check:
        """Return the check of the provider's health."""
        from providers.examination.health import health_check

        advice = self.advice(subject.host.name).health
        return health_check(lambda: self.opened_to_look(subject.host), subject.at, advice, needs)

    def parts_to_try(self, subject: Subject) -> Sequence[Check]:  # noqa: ARG002 - the shape they share
        """Return checks of what the provider itself would do without, and say nothing."""
        return ()
