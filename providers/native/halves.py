"""Vectors in half precision, in the binary form of pgvector's type halfvec: how the driver sends and reads them."""

from functools import lru_cache
from struct import Struct as Layout

import asyncpg
from pgvector import HalfVector

from providers.embedders.base import Vector

# The number of dimensions, and a number that means nothing yet; the numbers of the vector follow, also big-endian.
_HEAD = Layout(">HH")


def to_half(vector: Vector) -> bytes:
    """Return a float32[dim] in the binary form, in half of the time that an object for it takes beside that."""
    return _head_of(len(vector)) + vector.astype(">f2").tobytes()


async def register_halves(connection: asyncpg.Connection, schema: str) -> None:
    """Have a connection take what `to_half` returns for a halfvec, or any `HalfVector`, and return the latter.

    Where pgvector in this schema has no such type, nothing is registered: then the schema is not ours either.
    """
    try:
        await connection.set_type_codec(
            "halfvec", schema=schema, encoder=_binary, decoder=HalfVector.from_binary, format="binary"
        )
    except ValueError as error:
        if not str(error).startswith("unknown type:"):
            raise


def _binary(value: bytes | HalfVector) -> bytes:
    return value if isinstance(value, bytes) else value.to_binary()


@lru_cache(maxsize=16)
def _head_of(dimensions: int) -> bytes:
    return _HEAD.pack(dimensions, 0)
