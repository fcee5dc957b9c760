"""The parts of a provider over an index of Pinecone, made once when it is opened."""

from providers.keyed.parts import KeyedParts
from providers.pinecone.index import PineconeIndex
from providers.pinecone.reader import PineconeReader
from providers.pinecone.shelf import PineconeShelf


class PineconeParts(KeyedParts, frozen=True, kw_only=True):
    """What an index has beside the parts of every store of states."""

    index: PineconeIndex
    shelf: PineconeShelf
    reader: PineconeReader
