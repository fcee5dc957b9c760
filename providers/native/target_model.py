"""The embedding model that all memories of a database shall have vectors of: one, whatever its processes embed with."""

import structlog

from providers.errors import Misconfigured
from providers.native import statements
from providers.native.database import Database

_log = structlog.get_logger(__name__)


class TargetModel:
    """The model of the process that started last, as the database stores it.

    Without it, processes with different models would embed each other's memories again without end.
    """

    def __init__(self, database: Database, model: str) -> None:
        self._database = database
        self._model = model
        self._announced = False  # our model, to the other processes
        self._warned = False

    async def is_ours(self) -> bool:
        """Return whether memories with vectors of other models are to be embedded here; call it before each batch."""
        rows = await self._database.rows(statements.TARGET_MODEL)
        target: str | None = rows[0].embedding_model if rows else None
        if not self._announced:
            target = await self._announce(target)
        if target is None or target == self._model:
            self._warned = False
            return True
        if not self._warned:
            _log.warning("embedding_model_not_wanted", model=self._model, wanted=target)
            self._warned = True
        return False

    def forget(self) -> None:
        """Announce the model again: the database may be one that has never heard of it."""
        self._announced = False

    async def _announce(self, target: str | None) -> str | None:
        """Replace the target that another process set; return the target from then on."""
        if target != self._model:
            try:
                await self._database.change(statements.SET_TARGET_MODEL, {"model": self._model})
            except Misconfigured as error:
                # Older versions wrote nothing but memories, so a role may have leave for no more.
                _log.warning("embedding_model_not_kept", model=self._model, reason=str(error))
            else:
                target = self._model
        self._announced = True
        return target
