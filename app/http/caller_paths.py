"""The paths of callers' requests, which pass admission and go before what costs nothing; all others are operators'."""

_PREFIXES = ("/memory/", "/mcp/", "/v1/", "/v2/", "/v3/", "/api/v1/", "/memories/", "/entities/")
_PATHS = frozenset({"/mcp", "/memories", "/search", "/entities"})
_HEALTH = "/memory/health"


def is_callers(path: str) -> bool:
    """Return whether a request with this path is a caller's; health is for probes."""
    return (path.startswith(_PREFIXES) or path in _PATHS) and path != _HEALTH
