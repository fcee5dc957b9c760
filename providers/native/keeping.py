"""The setting that tells the trigger of memories how many superseded versions are kept of each.

Every statement that may replace a version makes it, as it names its tenants (see `providers/native/wall.py`). Without
it, as in a program of the version before, the trigger keeps every version, and the sweep drops what is too old.
"""

from providers.native.wall import making
from providers.retention import UNDATED_VERSION

SETTING = "ninai.history"

# Of a version `h` that may be kept, whatever others there are; see `Retention`.
YOUNG = f"(h.version >= CAST(:oldest AS bigint) OR h.version = {UNDATED_VERSION})"


def of_memory(wall: str, owner: str = "h.user_id") -> str:
    """Return the condition of a version `h` that is of the memory under its id; see `is_version`.

    The `wall` is that of the statement, and `owner` the one whom it is about: so one partition is read. Memories are
    looked up for undated versions alone, which are rare.
    """
    return f"""(h.version <> {UNDATED_VERSION} OR NOT EXISTS (
        SELECT FROM ninai_memories AS n WHERE {wall} AND n.user_id = {owner} AND n.id = h.id AND n.digest <> h.digest
    ))"""


KEEPING = making(SETTING, "CAST(:kept_versions AS text)")
