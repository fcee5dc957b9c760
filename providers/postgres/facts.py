"""The outcomes of the checks of a PostgreSQL server, one function for each."""

from providers.examination.outcome import CheckOutcome, error, ok
from providers.postgres.inspection import DatabaseFacts

# As providers/postgres/sqlstates.py says of an older one.
LEAST_POSTGRES = 14

_NUMBERS_IN_A_MAJOR = 10_000  # of server_version_num


def version_of(facts: DatabaseFacts) -> CheckOutcome:
    """Return whether the server is new enough."""
    if facts.version_number < LEAST_POSTGRES * _NUMBERS_IN_A_MAJOR:
        return error(f"PostgreSQL {facts.version}", f"move to PostgreSQL {LEAST_POSTGRES} or newer")
    return ok(f"PostgreSQL {facts.version}")


def writable_of(facts: DatabaseFacts) -> CheckOutcome:
    """Return whether the database takes writes."""
    if facts.read_only:
        advice = "name the primary in the dsn, or set default_transaction_read_only off for this role and database"
        return error("it only reads: it is a standby, or was set so", advice)
    return ok("it takes writes")
