"""Which journal: the union of the settings of every kind."""

from msgspec import Struct

from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings


class AutoJournalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="auto"):
    """A SQLite file in the data folder as soon as there are several providers, none for a single one."""


class NoJournalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="none"):
    """No journal: a single provider, whose outage is an outage."""


JournalSettings = AutoJournalSettings | NoJournalSettings | SqliteJournalSettings | PostgresJournalSettings
