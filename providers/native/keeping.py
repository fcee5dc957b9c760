"""The setting that tells the trigger of memories how many superseded versions are kept of each.

Every statement that may replace a version makes it, as it names its tenants (see `providers/native/wall.py`). Without
it, as in a program of the version before, the trigger keeps every version, and the sweep drops what is too old.
"""

from providers.native.wall import making
from providers.retention import UNDATED_VERSION

SETTING = "ninai.history"

# Of a version `h` that may be kept, whatever others there are; see `Retention`.
YOUNG = f"(h.version >= CAST(:oldest AS bigint) OR h.version = {UNDATED_VERSION})"

KEEPING = making(SETTING, "CAST(:kept_versions AS text)")
