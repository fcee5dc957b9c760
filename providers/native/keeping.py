"""The setting that tells the trigger of memories how many superseded versions are kept of each.

Every statement that may replace a version makes it, as it names its tenants (see `providers/native/wall.py`). Without
it, as in a program of the version before, the trigger keeps every version, and the sweep drops what is too old.
"""

SETTING = "ninai.history"

KEEPING = f"(SELECT set_config('{SETTING}', CAST(:kept_versions AS text), true)) IS NOT NULL"
