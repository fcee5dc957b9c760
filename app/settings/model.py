"""The structs that a configuration is decoded into: everything that can be configured."""

import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from app.settings.audit import AuditSettings
from app.settings.auth import AuthSettings
from app.settings.datadir import default_data_dir
from app.settings.environment import process_environment
from app.settings.expiry import ExpirySettings
from app.settings.extraction import ExtractionSettings
from app.settings.limits import LimitSettings
from app.settings.quotas import QuotasSettings
from app.settings.retention import RetentionSettings
from observability.secret import Secret
from providers.chain.policy import AttemptPolicy, ChainPolicy
from providers.factory import ProviderSettings
from providers.journal.settings import AutoJournalSettings, JournalSettings
from providers.limits import DEFAULT_RECALL_LIMIT, MAX_RECALL_LIMIT
from providers.native.settings import NativeSettings
from providers.reranking.settings import NoRerankerSettings, RerankerSettings

_SPELLED = "a name of lower-case letters, digits and single underscores, which a variable can spell"
ProviderName = Annotated[str, Meta(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*\Z", description=_SPELLED)]
# The path of the admin API's order would collide with a provider of this name.
RESERVED_PROVIDER_NAMES = ("order",)
MAX_DRAIN_SECONDS = 300
# Below the lower bound distant clients would be too slow, and beyond the upper one no client still waits for an answer.
ClientTimeout = Annotated[float, Meta(ge=0.5, le=600)]
# What a file or a variable can hold without quoting.
InstallationId = Annotated[
    Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")] | None,
    Meta(description="a name of up to 100 letters, digits, dots, underscores and dashes"),
]

# Scheme, host, port and path: credentials belong in the headers.
CollectorUrl = Annotated[
    Annotated[str, Meta(pattern=r"^https?://(\[[0-9A-Fa-f:.]+\]|[^/?#@\s:\[\]]+)(:[0-9]{1,5})?(/[^?#\s]*)?\Z")] | None,
    Meta(description="the base URL of a collector that speaks OTLP over HTTP, as http://collector:4318"),
]
# RFC 9110, section 5.6.2.
HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", description="the name of an HTTP header")]


PathPrefix = Annotated[
    str, Meta(pattern=r"^(/[A-Za-z0-9._~-]+)*\Z", description="a path like /memory-service, or nothing")
]
WebOrigin = Annotated[
    str,
    Meta(pattern=r"^https?://[a-z0-9.\[\]:-]+\Z", description="an origin like https://app.example.com"),
]


MAX_SOCKET_BYTES = 107  # of the path of a Unix socket: the kernel has room for 108, with the zero behind it


class AdmissionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how much is admitted at once by each process, in units of price, see `app/http/admission/`.

    The limit finds itself between `min_limit` and `max_limit`; a request waits up to `queue_deadline` seconds.
    """

    enabled: bool = True
    min_limit: Annotated[int, Meta(ge=1, le=100_000)] = 300
    max_limit: Annotated[int, Meta(ge=1, le=100_000)] = 2_000
    queue_deadline: Annotated[float, Meta(ge=0, le=10)] = 0.01

    def __post_init__(self) -> None:
        """Refuse a range without a number in it."""
        if self.min_limit > self.max_limit:
            raise ValueError("min_limit must not be more than max_limit")


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure where the service listens, with how many processes, and for whom; port 0 takes a free one.

    On the Unix `socket` it listens as well, if one is named.

    For `drain` seconds after SIGTERM it goes on serving, but is not ready, so that load balancers choose another
    instance. `connections` are those of all processes together, `connections_per_peer` those of one address among them.
    The three timeouts, in seconds, are for clients that send or read slowly, see `app/http/connections/`. Only proxies
    with addresses in `trusted_proxies` are believed whom they name as their client in `X-Forwarded-For`. `prefix` is
    the path below which a proxy shows the service, and pages of `cross_origins` may call it from browsers.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    socket: Path | None = None
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    drain: Annotated[float, Meta(ge=0, le=MAX_DRAIN_SECONDS)] = 0.0
    connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    connections_per_peer: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    header_timeout: ClientTimeout = 20.0
    body_timeout: ClientTimeout = 10.0
    answer_timeout: ClientTimeout = 10.0
    trusted_proxies: list[str] = field(default_factory=list)
    prefix: PathPrefix = ""
    cross_origins: list[WebOrigin] = field(default_factory=list)
    admission: AdmissionSettings = AdmissionSettings()


class AdminSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move the admin API and the console to a port of their own, away from the port of the service; without it, none.

    `session_secret` signs the sessions of the console; without it, a file in the data folder holds the secret.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    session_secret: Secret | None = None


class McpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure the MCP server at `/mcp`, which needs the extra `mcp`."""

    enabled: bool = True


class Mem0CompatSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure whether the service speaks mem0's API as well; by default it does on a loopback address alone."""

    enabled: bool | None = None


class CompatSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure which APIs of other services this one speaks."""

    mem0: Mem0CompatSettings = Mem0CompatSettings()


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure what is logged and how; `auto` is text on a terminal and JSON elsewhere."""

    format: Literal["auto", "json", "text"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class TracingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure where spans are sent; `ratio` is the share of traces sampled here, `timeout` is in seconds."""

    endpoint: CollectorUrl = None
    ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
    headers: dict[HeaderName, Secret] = field(default_factory=dict)
    service_name: Annotated[str, Meta(min_length=1, max_length=255)] = "ninaivalaigal"
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 5.0


class ChainSettings(ChainPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how providers are asked, and how long the journal remembers; `attempts` by the provider's name."""

    attempts: dict[ProviderName, AttemptPolicy] = field(default_factory=dict)


class TenantSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure whether callers may be of other tenants than the default one, see `deploy/docs/tenants.md`.

    Enable them when no replica of a version before tenants is left: it would refuse what they store.
    """

    enabled: bool = False


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the whole configuration.

    `installation` is what journal and stores are to know this installation by; without it a file in the data folder
    holds an id, see `app/process/installation.py`. `order` names the providers in use, the first is home.
    `recall_limit` is how many memories a recall returns when it names no limit.
    """

    order: list[str] = field(default_factory=lambda: ["native"])
    providers: dict[ProviderName, ProviderSettings] = field(default_factory=lambda: {"native": NativeSettings()})
    server: ServerSettings = ServerSettings()
    admin: AdminSettings = AdminSettings()
    journal: JournalSettings = field(default_factory=AutoJournalSettings)
    chain: ChainSettings = ChainSettings()
    installation: InstallationId = None
    data_dir: Path = field(default_factory=lambda: default_data_dir(process_environment(), euid=os.geteuid()))
    auth: AuthSettings = AuthSettings()
    tenants: TenantSettings = TenantSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = field(default_factory=TracingSettings)
    mcp: McpSettings = McpSettings()
    compat: CompatSettings = CompatSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    recall_limit: Annotated[int, Meta(ge=1, le=MAX_RECALL_LIMIT)] = DEFAULT_RECALL_LIMIT
    reranker: RerankerSettings = field(default_factory=NoRerankerSettings)
    limits: LimitSettings = LimitSettings()
    quotas: QuotasSettings = field(default_factory=QuotasSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    expiry: ExpirySettings = field(default_factory=ExpirySettings)
