"""Rendering the metrics in the format that a scraper accepts."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


def expose(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics in the format that the scraper accepts, and their content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
