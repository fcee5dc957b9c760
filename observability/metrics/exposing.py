"""Metrics in the format that a scraper wants."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


def expose(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Give everything in the format that the scraper accepts, and the content type of it."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
