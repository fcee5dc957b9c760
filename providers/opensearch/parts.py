"""The parts of a provider over an index, made once when it is opened."""

from providers.keyed.filling import FillingReport
from providers.keyed.parts import KeyedParts
from providers.opensearch.changes import OpenSearchChanges
from providers.opensearch.feed import OpenSearchFeed
from providers.opensearch.history import OpenSearchHistories
from providers.opensearch.reader import OpenSearchReader
from providers.opensearch.server import Server
from providers.opensearch.shelf import OpenSearchShelf


class OpenSearchParts(KeyedParts, frozen=True, kw_only=True):
    """What an index has beside the parts of every store of states; `apart` has a connection beside all others."""

    shelf: OpenSearchShelf
    reader: OpenSearchReader
    changes: OpenSearchChanges
    feed: OpenSearchFeed
    histories: OpenSearchHistories
    apart: Server
    report: FillingReport
