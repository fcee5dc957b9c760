"""What a server says it is, and what it must be."""

from typing import Any

from msgspec import Struct

from providers.errors import Misconfigured
from providers.opensearch.extra import ELASTICSEARCH, OPENSEARCH, installed

OLDEST = {OPENSEARCH: 2, ELASTICSEARCH: 8}  # the major versions of which others are too old


class Greeting(Struct, frozen=True):
    """The name and the version of a server."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def greeting_in(body: object) -> Greeting:
    """Return what a server tells of itself.

    Raises:
        Misconfigured: it is neither of the two, or too old, or its client is not installed.
    """
    version: Any = body.get("version") if isinstance(body, dict) else None
    number = version.get("number") if isinstance(version, dict) else None
    if not isinstance(number, str) or "lucene_version" not in version:
        raise Misconfigured("what answers there is neither OpenSearch nor Elasticsearch: is url right?")
    name = OPENSEARCH if version.get("distribution") == "opensearch" else ELASTICSEARCH
    greeting = Greeting(name, number)
    major = number.partition(".")[0]
    if not major.isdecimal() or int(major) < OLDEST[name]:
        raise Misconfigured(f"{greeting} is too old: {OLDEST[name]} or newer is needed")
    if name not in installed():
        raise Misconfigured(f"{greeting} cannot be spoken to: pip install 'ninaivalaigal[{name.lower()}]'")
    return greeting
