"""The settings of every kind of journal, as one tagged union."""

from msgspec import Struct

from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings


class AutoJournalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="auto"):
    """A SQLite file in the data folder if there are several providers, and no journal for a single one."""


class NoJournalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="none"):
    """No journal: while the single provider is down, the service is."""


JournalSettings = AutoJournalSettings | NoJournalSettings | SqliteJournalSettings | PostgresJournalSettings
