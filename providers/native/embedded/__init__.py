"""The PostgreSQL that ships in a wheel, run on a unix socket in a data folder: no daemon, no port, no password."""

from providers.native.embedded.binaries import wheel_binaries
from providers.native.embedded.errors import EmbeddedServerError
from providers.native.embedded.folder import folder_of
from providers.native.embedded.server import EmbeddedServer
from providers.native.embedded.supervisor import Supervisor

__all__ = ["EmbeddedServer", "EmbeddedServerError", "Supervisor", "folder_of", "wheel_binaries"]
