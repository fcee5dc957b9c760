"""The checks of a PostgreSQL database that every one of its users makes."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from providers.examination.check import Check, Subject
from providers.examination.clocks import MOST_APART, NOT_ERASED
from providers.examination.outcome import CheckOutcome, error, ok, warning
from providers.postgres.inspection import Address, DatabaseFacts

Judge = Callable[[DatabaseFacts], CheckOutcome]

# As providers/postgres/sqlstates.py says of an older one.
LEAST_POSTGRES = 14

_NUMBERS_IN_A_MAJOR = 10_000  # of server_version_num

# A machine that keeps its time by NTP is off by milliseconds. Memories are ordered by the clocks of those who write.
MOST_SKEW_SECONDS = 1.0


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


_JUDGES: Mapping[str, Judge] = {"version": version_of, "writable": writable_of}


class ExaminedDatabase:
    """A database with what its checks have found; further ones may build upon that."""

    def __init__(self, subject: Subject, address: Callable[[], Address], look_at: str) -> None:
        self.check = f"{subject.at}.database"  # the name of the check that all others need
        self._subject = subject
        self._address = address
        self._look_at = look_at
        self._reached: list[tuple[Address, DatabaseFacts]] = []

    def reached(self) -> Address:
        """Return the database, which has answered."""
        if not self._reached:
            raise RuntimeError("a check of the database needs that it answers")
        return self._reached[0][0]

    def checks(self, needs: tuple[str, ...] = (), further: Mapping[str, Judge] | None = None) -> Iterator[Check]:
        """Yield the checks in their order, with `further` ones of what one look at the database has found."""
        yield Check(self.check, self._reach, self._look_at, needs)
        for part, judge in (*_JUDGES.items(), *(further or {}).items()):
            yield Check(f"{self._subject.at}.{part}", partial(self._judged, judge), self._look_at, (self.check,))
        yield Check(f"{self._subject.at}.clock", self._clock, self._look_at, (self.check,))

    async def _reach(self) -> CheckOutcome:
        address = self._address()
        self._reached.append((address, await address.facts()))
        return ok("it answers")

    async def _judged(self, judge: Judge) -> CheckOutcome:
        return judge(self._reached[0][1])

    async def _clock(self) -> CheckOutcome:
        """Ask the database for the time; what the round trip may hide is in its favour."""
        skew = await self.reached().skew(self._subject.now)
        ahead = "ahead of" if skew.seconds > 0 else "behind"
        found = f"{abs(skew.seconds):.3f} s {ahead} this machine"
        if abs(skew.seconds) > MOST_APART:
            return warning(f"{found}: {NOT_ERASED}", "set both clocks by NTP")
        if abs(skew.seconds) - skew.uncertainty > MOST_SKEW_SECONDS:
            return warning(f"{found}, more than {MOST_SKEW_SECONDS:g}", "set both clocks by NTP")
        return ok(found)
