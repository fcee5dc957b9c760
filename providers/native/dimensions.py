"""The limit on the dimensions of a vector that is to be stored."""

# What pgvector's halfvec holds, the type that vectors are stored in; source: its README, "Half-Precision Vectors".
MAX_DIMENSIONS = 16_000

# What an operator does about a model that makes more.
NARROWER = "set embedder.dimensions to fewer, if the model can shorten its vectors, or take another model"


def too_wide(dimensions: int) -> str | None:
    """Return why vectors of so many dimensions cannot be stored, None if they can be."""
    if dimensions <= MAX_DIMENSIONS:
        return None
    return f"{dimensions} dimensions are more than the {MAX_DIMENSIONS} that pgvector holds"
