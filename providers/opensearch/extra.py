"""Which clients are installed: those of the extras `opensearch` and `elasticsearch`."""

from importlib.util import find_spec

OPENSEARCH, ELASTICSEARCH = "OpenSearch", "Elasticsearch"
_CLIENTS = {OPENSEARCH: "opensearchpy", ELASTICSEARCH: "elasticsearch"}


def installed() -> list[str]:
    """Return the names of the servers that can be spoken to here."""
    if find_spec("aiohttp") is None:  # both need it, and neither brings it along without being asked
        return []
    return [name for name, package in _CLIENTS.items() if find_spec(package) is not None]
