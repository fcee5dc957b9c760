"""Times as options of commands take them: `90d`, `12h`, `30m`, or a date and time."""

import re
from datetime import UTC, datetime, timedelta

import click

_DURATION = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class Duration(click.ParamType[timedelta]):
    """Read a duration."""

    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration; raise `click.BadParameter` if it is none."""
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(value)
        if value == "0":
            return timedelta()
        if found is None:
            self.fail("expected a number of days, hours, minutes or seconds: 90d, 12h, 30m, 10s", param, ctx)
        return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})


class Moment(click.ParamType[datetime]):
    """Read a moment, or how long from now on; of one that is `past` how long ago."""

    name = "moment"

    def __init__(self, *, past: bool = False) -> None:
        self._sign = -1 if past else 1

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment, in UTC where it names no offset; raise `click.BadParameter` if it is none."""
        if isinstance(value, datetime):
            return value
        now = datetime.now(UTC).replace(microsecond=0)
        try:
            if _DURATION.fullmatch(value):
                return now + self._sign * DURATION.convert(value, param, ctx)
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("expected 90d, 12h, or a date and time like 2027-01-31T00:00Z", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


DURATION = Duration()
MOMENT = Moment()
PAST_MOMENT = Moment(past=True)
