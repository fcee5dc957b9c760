"""The hash of an owner's key is that of PostgreSQL, and lies in the bucket of its shard."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.native.distribution.hashing import BUCKETS, bucket_of, hash_of
from tests.support.postgres import connected

TEXTS = [
    "",
    "a",
    "ann",
    "user-1234567",
    "abcdefgh",
    "abcdefghijkl",
    "abcdefghijklm",
    "\x1facme\x1fZoë",
    "ä" * 64,
    "x" * 256,
]


async def test_it_is_that_of_the_server(database: str) -> None:
    """Texts of every length modulo a block, and beyond ASCII."""
    texts = TEXTS + ["user"[: length % 4] + "0123456789abcdefghijklmno"[:length] for length in range(25)]
    async with connected(database) as connection:
        rows = await connection.fetch('SELECT hashtext(t COLLATE "C") AS h FROM unnest($1::text[]) AS t', texts)

    assert [hash_of(text) for text in texts] == [row["h"] & 0xFFFFFFFF for row in rows]


@pytest.mark.parametrize("shards", [1, 2, 4, 8, 16, 32, 64])
@settings(max_examples=200)
@given(key=st.text(max_size=40))
def test_a_bucket_lies_within_one_shard(shards: int, key: str) -> None:
    """Shards are ranges of signed hashes of one length, from the least one on."""
    hashed = hash_of(key)
    signed = hashed - (1 << 32) if hashed >= 1 << 31 else hashed
    shard = (signed + (1 << 31)) // ((1 << 32) // shards)

    assert bucket_of(key) // (BUCKETS // shards) == shard
