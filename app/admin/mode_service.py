"""The mode of the service for its operator: shown, and changed without a restart."""

from datetime import UTC, datetime

from msgspec import Struct

from app.http.operator_schemas import ModeRequest
from app.http.problems import MODE_NOT_SET, RequestError
from app.mode.mode_file import ModeFileFault, ServiceMode
from app.mode.mode_following import ModeFollower
from providers.errors import InvalidInput


class ModeService(Struct, frozen=True):
    """Serve the requests of `operator`, the id of a key, about the mode."""

    follower: ModeFollower
    operator: str

    def describe(self) -> ServiceMode:
        """Describe the mode in force in this process."""
        return self.follower.current

    async def put(self, wanted: ModeRequest) -> ServiceMode:
        """Put a mode in force.

        Raises:
            InvalidInput: writes are refused without a reason.
            RequestError: it cannot be saved for the other processes; the former mode is in force.
        """
        if wanted.mode == "read_only" and not wanted.reason.strip():
            raise InvalidInput("reason", "is required: those whose writes are refused are told it")
        mode = ServiceMode(
            mode=wanted.mode,
            reason=wanted.reason.strip(),
            retry_after=wanted.retry_after,
            set_by=self.operator,
            since=datetime.now(UTC),
        )
        try:
            await self.follower.put(mode)
        except ModeFileFault as fault:
            raise RequestError(MODE_NOT_SET, str(fault)) from fault
        return mode
