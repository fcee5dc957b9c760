"""A check as a value, and what a kind of provider or journal is given to make its checks of."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack

from msgspec import Struct

from providers.examination.outcome import CheckOutcome
from providers.host import Host

# The check of the data folder, which everything needs that lives there.
DATA_DIR = "data_dir"

# Asks for the name of what a store goes down with, such as a database cluster; None if that is not disclosed.
# It raises `Unavailable` if the store cannot be asked.
FailureDomain = Callable[[], Awaitable[str | None]]


class Check(Struct, frozen=True):
    """One check under a name that is the same in every release.

    `work` returns how it ended, None if all is well. `advice` is for failures that the check does not
    explain itself. It is not made unless all that it `needs` have passed. `seconds` is its time limit,
    where it is not that of the examination.
    """

    name: str
    work: Callable[[], Awaitable[CheckOutcome | None]]
    advice: str | None = None
    needs: tuple[str, ...] = ()
    seconds: float | None = None


class CheckResult(Struct, frozen=True, kw_only=True):
    """The outcome of a check, and the milliseconds that it took, None if it was skipped before it began."""

    check: Check
    outcome: CheckOutcome
    milliseconds: float | None


class Subject(Struct, frozen=True, kw_only=True):
    """A provider or journal to be examined.

    `at` is the path of its settings, with which the names of its checks begin; `now` returns seconds since 1970;
    `meanwhile` ends what runs for the examination alone.
    """

    at: str
    host: Host
    now: Callable[[], float]
    meanwhile: ExitStack


class JournalSubject(Subject, frozen=True, kw_only=True):
    """A journal to be examined.

    `alone` if it is for a single provider; `failure_domains` returns those of the providers that can be asked.
    """

    alone: bool
    failure_domains: Callable[[], Awaitable[Mapping[str, str | None]]]
