"""Where the journal is kept."""

from observability.secret import Secret
from providers.journal.postgres.settings import PostgresJournalSettings
from tests.app.settings.configuration import Configuration

POSTGRES = '[journal]\nkind = "postgres"\n'


def test_the_journal_takes_every_way_to_write_a_postgresql_url(configuration: Configuration) -> None:
    """The address of its database is written as that of a provider."""
    settings = configuration.load(POSTGRES + 'dsn = "postgres://h/d?sslmode=require"').settings

    assert settings.journal == PostgresJournalSettings(dsn=Secret("postgresql+asyncpg://h/d?ssl=require"))


def test_an_address_of_something_else_is_refused(configuration: Configuration) -> None:
    """It may hold a password, so it is not shown."""
    refusal = configuration.refusal(POSTGRES + 'dsn = "mysql://u:p@h/d"')

    assert refusal == "$.journal.dsn: expected postgresql://USER:PASSWORD@HOST/DATABASE, got ******** (ninai.toml)"
