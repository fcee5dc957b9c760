"""The embedding model that a database's memories are to have: one, however many its processes embed with."""

import structlog

from providers.errors import Misconfigured
from providers.native import statements
from providers.native.database import Database

_log = structlog.get_logger(__name__)


class WantedModel:
    """The model of the process that started last, as the database keeps it.

    Processes with different models would otherwise embed each other's memories anew without end.
    """

    def __init__(self, database: Database, model: str) -> None:
        self._database = database
        self._model = model
        self._said = False  # which model is ours
        self._warned = False

    async def is_ours(self) -> bool:
        """Whether memories with vectors of other models are ours to embed anew; to be asked before each batch."""
        wanted = await self._kept()
        if not self._said:
            wanted = await self._say(wanted)
        if wanted is None or wanted == self._model:
            self._warned = False
            return True
        if not self._warned:
            _log.warning("embedding_model_not_wanted", model=self._model, wanted=wanted)
            self._warned = True
        return False

    async def _kept(self) -> str | None:
        async with self._database.reading() as connection:
            model: str | None = await connection.scalar(statements.WANTED_MODEL)
        return model

    async def _say(self, wanted: str | None) -> str | None:
        """Replace what other processes want, and give what is wanted then."""
        if wanted != self._model:
            try:
                async with self._database.writing() as connection:
                    await connection.execute(statements.WANT_MODEL, {"model": self._model})
            except Misconfigured as error:
                # A role that may write memories alone did before there was anything else to write.
                _log.warning("embedding_model_not_kept", model=self._model, reason=str(error))
            else:
                wanted = self._model
        self._said = True
        return wanted
