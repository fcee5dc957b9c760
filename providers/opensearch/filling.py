"""The filling of vectors: memories that were stored without one get it, after an outage or for a new embedder."""

from itertools import groupby

from providers.keyed.filling import FillingReport, filled_for_ever
from providers.opensearch.reader import OpenSearchReader
from providers.opensearch.server import Server
from providers.opensearch.shelf import OpenSearchShelf

_AT_ONCE = 100  # memories of one request


class VectorFilling:
    """Look for memories without a vector again and again; what is written anew is told as a change."""

    def __init__(self, server: Server, shelf: OpenSearchShelf, reader: OpenSearchReader, report: FillingReport) -> None:
        self._server, self._shelf, self._reader = server, shelf, reader
        self._vectors, self._report = shelf.vectors, report

    async def run(self) -> None:
        """Fill for ever; without an embedder there is nothing to do."""
        await filled_for_ever(self._vectors, self.fill)

    async def fill(self) -> int:
        """Give a vector to what has none, as far as the embedder makes one now; return to how many memories.

        Raises:
            Unavailable: the server does not answer.
        """
        if not self._vectors.kept:
            await self._server.index_id()  # the fields are made as soon as the embedder has said of which size
        filled = 0
        waiting, living = await self._reader.waiting() if self._vectors.kept else (0, 0)
        self._report.show(waiting, living)
        while self._vectors.kept and (states := await self._reader.without_vector(_AT_ONCE)):
            some = 0
            for owner, group in groupby(states, key=lambda state: state.owner):
                some += await self._shelf.embed(owner, [state.id for state in group])
            filled += some
            if not some:
                break
            self._report.show(max(0, waiting - filled), living)
        return filled
