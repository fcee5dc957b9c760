"""The meaning of each SQLSTATE to a caller: tables by class, or by whole code where one differs from its class.

Source: PostgreSQL documentation, appendix A. Every class of PostgreSQL is in one of the tables, so that none is
overlooked.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

Meaning = TypeVar("Meaning")


class Happened(Enum):
    """Whether a single statement that failed with this code may have been applied all the same."""

    SURELY_NOT = True
    PERHAPS = False


UNAVAILABLE = {
    "08": Happened.PERHAPS,  # connection exceptions
    "08001": Happened.SURELY_NOT,  # could not connect
    "08004": Happened.SURELY_NOT,  # connection refused by the server
    "25006": Happened.SURELY_NOT,  # read-only: a standby, or a primary on its way down
    "40": Happened.SURELY_NOT,  # rolled back: serialisation failure, deadlock
    "40003": Happened.PERHAPS,  # statement completion unknown
    "53": Happened.SURELY_NOT,  # disk full, out of memory, too many connections
    "55": Happened.SURELY_NOT,  # lock not available, object not in the needed state
    "57": Happened.PERHAPS,  # operator intervention: shutdown in the middle
    "57P03": Happened.SURELY_NOT,  # cannot connect now: starting up, shutting down
    "57P05": Happened.SURELY_NOT,  # closed for being idle
    "58": Happened.PERHAPS,  # system error outside PostgreSQL
    "72": Happened.SURELY_NOT,  # snapshot too old
    "XX": Happened.PERHAPS,  # internal error, corruption
}

TIMED_OUT = {
    "25P03": "idle_in_transaction_session_timeout",
    "25P04": "transaction_timeout",
    "57014": "statement_timeout, or an administrator",
}

_MIGRATE = "run `ninai db upgrade`, and where Citus is, `ninai db distribute`"
_LET_IN = "check the user, the password and pg_hba.conf"
_GRANT = "grant it, or run `ninai db upgrade` as a role that may"
_POOLER = 'set pooler = "pgbouncer", if there is a transaction pooler in between'
_LEFT_OVER = "something of that name is there already: use a database of our own"

MISCONFIGURED = {
    "0A": "install pgvector 0.7 or newer on PostgreSQL 14 or newer",  # feature not supported
    "0L": _GRANT,  # invalid grantor
    "0P": _GRANT,  # invalid role
    "26": _POOLER,  # no such prepared statement
    "28": _LET_IN,  # invalid authorisation
    "3D": "create the database, or correct its name in the dsn",  # no such database
    "3F": "create the schema, or correct the search_path",  # no such schema
    "42501": _GRANT,  # no privilege
    "42703": _MIGRATE,  # no such column
    "42704": "update the extension: ALTER EXTENSION vector UPDATE",  # no such type
    "42883": _MIGRATE,  # no such function
    "42P01": _MIGRATE,  # no such table
    "42701": _LEFT_OVER,  # duplicate column
    "42710": _LEFT_OVER,  # duplicate object
    "42723": _LEFT_OVER,  # duplicate function
    "42P06": _LEFT_OVER,  # duplicate schema
    "42P07": _LEFT_OVER,  # duplicate table
    "42P05": _POOLER,  # duplicate prepared statement
    "58P01": "install pgvector 0.7 or newer on the server",  # no file of the extension
    "F0": "mend the server's configuration",  # configuration file error
    "HV": "use tables of the server itself",  # foreign data wrapper
}

# How the refusals of Citus of a statement, or of a table, tell themselves from those of PostgreSQL.
OF_CITUS = re.compile(r"distribut|shard|citus|co-?located|coordinator|worker|multi-?task", re.IGNORECASE)
DISTRIBUTED = "Citus does not take this: see what `ninai db distribute --dry-run` says is still to be done"

# Only a wrong statement, or values that our checks accept by mistake, cause these.
BUGS = {
    "00": "success is no error",
    "01": "nor is a warning",
    "02": "no data",
    "03": "statement not yet complete",
    "09": "triggered action",
    "0B": "invalid transaction initiation",
    "0F": "locator",
    "0Z": "diagnostics",
    "10": "XQuery",
    "20": "case not found",
    "21": "cardinality violation",
    "22": "data exception",
    "23": "integrity constraint",
    "24": "cursor state",
    "25": "transaction state",
    "27": "triggered data change",
    "2B": "dependent privileges",
    "2D": "transaction termination",
    "2F": "SQL routine",
    "34": "cursor name",
    "38": "external routine",
    "39": "external routine invocation",
    "3B": "savepoint",
    "42": "syntax or access rule",
    "44": "WITH CHECK OPTION",
    "54": "program limit exceeded: an index entry too large, a statement too complex",
    "P0": "PL/pgSQL",
}


def entry_of(code: str, table: Mapping[str, Meaning]) -> Meaning | None:
    """Look up a whole code first, then its class."""
    return table.get(code, table.get(code[:2]))
