"""Which coding an `Accept-Encoding` asks for."""

import pytest

from app.http.coding.negotiation import Coding, preferred_coding


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("zstd;q=0.5, gzip ; q=0.501", "gzip"),
        ("gzip;q=1.000", "gzip"),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0.4, identity;q=0.5", None),
        ("gzip;q=0.4, identity", None),
        ("gzip;q=0, zstd; Q=0.000", None),
        ("gzip;q=2", None),
        ("gzip;level=1", None),
        ("*", None),
        ("x-gzipped", None),
        ("br", None),
        ("", None),
        (", ,gzip,", "gzip"),
        ("gzip" + "," * 996, "gzip"),
        ("gzip" + "," * 997, None),
    ],
)
def test_the_coding_of_the_greatest_weight_is_taken(accepted: str, coding: Coding | None) -> None:
    """Of the same weight the smaller and faster one; nothing that was not named."""
    assert preferred_coding(accepted) == coding
