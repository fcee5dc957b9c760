"""The environment of a service, or of a command, over an index of Pinecone."""

from pathlib import Path

from tests.support.pinecone.running import STALENESS
from tests.support.pinecone.server import KEY

NAME = "pine"
HEALTH = f"providers.{NAME}.health"


def pinecone_alone(url: str, prefix: str, data_dir: Path, **settings: str) -> dict[str, str]:
    """Return the variables of an order of one index behind a journal; `settings` are others of its provider."""
    given = {
        "kind": "pinecone",
        "host": url,
        "api_key": KEY,
        "prefix": prefix,
        "staleness_seconds": str(STALENESS),
    } | settings
    service = {"NINAI__ORDER": NAME, "NINAI__JOURNAL__KIND": "sqlite", "NINAI__DATA_DIR": str(data_dir)}
    return service | {f"NINAI__PROVIDERS__{NAME.upper()}__{name.upper()}": value for name, value in given.items()}
