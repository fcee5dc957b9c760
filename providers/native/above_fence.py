"""The condition by which a change finds no memory that was erased and is still to be removed.

The trigger that refuses what is not above the fence of its owner sees the new version alone, which a change makes
greater. It stands beside the trigger, which a distributed table cannot have either.
"""

# Of a statement about one row of the owner `user_id`. The version 0 of an owner who was not erased is above.
ABOVE_FENCE = "version > coalesce(nullif(ninai_erased_up_to(:user_id), 0), -1)"


def without_fence(sql: str) -> str:
    """Return a statement for where no list of erased owners is kept."""
    return sql.replace(ABOVE_FENCE, "true")
