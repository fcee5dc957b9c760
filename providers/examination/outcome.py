"""The outcome of a check."""

from enum import StrEnum

from msgspec import Struct


class CheckStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


class CheckOutcome(Struct, frozen=True, kw_only=True):
    """The end of a check in the words of the check; `blocks` if what needs it has nothing to look at.

    `cause` is the exception that ended it; `label` is one word for how it ended, where the status is not enough.
    """

    status: CheckStatus
    found: str
    advice: str | None = None
    blocks: bool = False
    label: str | None = None
    cause: Exception | None = None

    @property
    def ended(self) -> str:
        """How the check ended, in one word."""
        return self.label or self.status.value


class CheckFailed(Exception):
    """A check has found something else than it should; `outcome` says in one word how it failed."""

    def __init__(self, reason: str, *, outcome: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


def ok(found: str = "") -> CheckOutcome:
    """All is as it should be."""
    return CheckOutcome(status=CheckStatus.OK, found=found)


def warning(found: str, advice: str, *, blocks: bool = False) -> CheckOutcome:
    """The service can serve, but somebody should look."""
    return CheckOutcome(status=CheckStatus.WARNING, found=found, advice=advice, blocks=blocks)


def error(found: str, advice: str | None, *, label: str | None = None) -> CheckOutcome:
    """The service cannot serve, or not as it is configured to."""
    return CheckOutcome(status=CheckStatus.ERROR, found=found, advice=advice, blocks=True, label=label)


def skipped(found: str) -> CheckOutcome:
    """There is nothing to look at, and nothing wrong with that."""
    return CheckOutcome(status=CheckStatus.SKIPPED, found=found, blocks=True)
