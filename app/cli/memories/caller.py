"""Who calls a service about memories: the requests in the name of a user, and remarks on their answers."""

from typing import TypeVar
from urllib.parse import quote

import click
from msgspec import Struct

from app.auth.allowed_users import USER_HEADER
from app.cli.service_client import RunningService

T = TypeVar("T")

# As long as the service may take for a request by default, and a little for the way.
SECONDS = 35.0


class CallerOfService(Struct, frozen=True):
    """Call a service in the name of a user, None for the one whom the service takes by itself."""

    service: RunningService
    user: str | None

    def ask(self, method: str, path: str, into: type[T], json: dict[str, object] | None = None) -> T:
        """Send a request, and say on standard error what its answer lacks; raise as `RunningService.ask` does."""
        headers = {} if self.user is None else {f"{USER_HEADER}*": f"UTF-8''{quote(self.user, safe='')}"}
        told = self.service.ask(method, path, into, json=json, headers=headers, seconds=SECONDS)
        if "memory-degraded" in told.headers:
            click.echo(f"less than it could be: {told.headers['memory-degraded']}", err=True)
        return told.value
