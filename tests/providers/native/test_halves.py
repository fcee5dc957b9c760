"""Vectors in half precision: as pgvector's own library writes them."""

import numpy as np
import pytest
from pgvector import HalfVector

from providers.native.halves import to_half


@pytest.mark.parametrize("dimensions", [1, 3, 256, 16_000])
def test_a_vector_is_written_as_by_pgvector(dimensions: int) -> None:
    """Numbers of all sizes are rounded to the same halves, also to zero and to those with fewer digits."""
    random = np.random.default_rng(dimensions)
    vector = (random.normal(size=dimensions) * 10.0 ** random.integers(-9, 4, dimensions)).astype(np.float32)

    assert to_half(vector) == HalfVector(vector).to_binary()
    assert to_half(np.repeat(vector, 2)[::2]) == HalfVector(vector).to_binary()
