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
    """The outcome of a check; `blocks` if the checks that need it cannot be made.

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
    """Return the outcome of a check that passes."""
    return CheckOutcome(status=CheckStatus.OK, found=found)


def warning(found: str, advice: str, *, blocks: bool = False) -> CheckOutcome:
    """Return the outcome of a check that an operator should look at, although the service can serve."""
    return CheckOutcome(status=CheckStatus.WARNING, found=found, advice=advice, blocks=blocks)


def error(found: str, advice: str | None, *, label: str | None = None) -> CheckOutcome:
    """Return the outcome of a check that keeps the service from serving, or from serving as configured."""
    return CheckOutcome(status=CheckStatus.ERROR, found=found, advice=advice, blocks=True, label=label)


def skipped(found: str) -> CheckOutcome:
    """Return the outcome of a check that does not apply."""
    return CheckOutcome(status=CheckStatus.SKIPPED, found=found, blocks=True)
