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
from app.settings.history import HistorySettings
from app.settings.limits import LimitSettings
from app.settings.quotas import QuotasSettings
from app.settings.retention import RetentionSettings
from app.settings.webhooks import WebhookName, WebhookSettings
from observability.secret import Secret
from providers.chain.policy import AttemptPolicy, ChainPolicy, ErasurePolicy
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
    """Configure how much is admitted at once by each process, in units of price, see `app/http/admission/`."""

    enabled: bool = True
    """Whether requests are refused early when there is more work than time. Leave it on, unless something in front of
    the service already does that.
    """
    min_limit: Annotated[int, Meta(ge=1, le=100_000)] = 300
    """The least units of work that each process admits at once; a get is one unit, a recall three. Lower it where even
    that much makes requests late on a small machine.
    """
    max_limit: Annotated[int, Meta(ge=1, le=100_000)] = 2_000
    """The most units of work that each process admits at once. Raise it where `ninai_admission_limit` stays at this
    number while the processor has time left.
    """
    queue_deadline: Annotated[float, Meta(ge=0, le=10)] = 2.0
    """The seconds that a request waits to be admitted before it is refused with 503; writes wait for 10. Lower it
    for callers who would rather try again elsewhere than wait.
    """

    def __post_init__(self) -> None:
        """Refuse a range without a number in it."""
        if self.min_limit > self.max_limit:
            raise ValueError("min_limit must not be more than max_limit")


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure where the service listens, with how many processes, for whom, and its patience with slow clients."""

    host: str = "127.0.0.1"
    """The address to listen on. Change it to be reached from other machines, which needs keys or tokens."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    """The port to listen on; 0 takes a free one. Change it where another server has the port."""
    socket: Path | None = None
    """The path of a Unix socket on which the service listens as well. Set it for a proxy on the same host."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """The number of processes that answer requests. Raise it where one core is busy all the time and others are not."""
    drain: Annotated[float, Meta(ge=0, le=MAX_DRAIN_SECONDS)] = 0.0
    """The seconds after SIGTERM in which the service still serves, but is not ready. Set it behind a load balancer, to
    twice the interval of its probes.
    """
    connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    """The connections of clients to all processes together; further ones wait. Raise it, and `LimitNOFILE` with it, for
    more clients than that.
    """
    connections_per_peer: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    """The connections from one address, in IPv6 from one /64; the newest beyond that are closed. Raise it where many
    clients come through one proxy.
    """
    header_timeout: ClientTimeout = 20.0
    """The seconds for the first byte of a connection, for the head of a request, and for the next request over a
    connection. Raise it for clients that keep idle connections longer.
    """
    body_timeout: ClientTimeout = 10.0
    """The seconds for a body, and one more for each 100 kB of it. Raise it for clients on slow networks that are
    answered with 408.
    """
    answer_timeout: ClientTimeout = 10.0
    """The seconds for the client to read an answer, and two more for each 100 kB of it. Raise it for clients on slow
    networks whose connections are cut.
    """
    trusted_proxies: list[str] = field(default_factory=list)
    """The addresses or networks of proxies that are believed whom they name as their client in `X-Forwarded-For`. Set
    it as soon as a proxy stands in front, or all clients count as one.
    """
    prefix: PathPrefix = ""
    """The path below which a proxy shows the service, as `/memory-service`. Set it where the service is not at the root
    of its host.
    """
    cross_origins: list[WebOrigin] = field(default_factory=list)
    """The origins whose pages may call the service from browsers. Set it for web applications of other origins; it
    needs keys or tokens.
    """
    admission: AdmissionSettings = AdmissionSettings()


class AdminSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move the admin API and the console to a port of their own, away from the port of the service."""

    host: str = "127.0.0.1"
    """The address on which the port of the admin API listens. Change it to reach the console from other machines, with
    the same care as the host of the server.
    """
    port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    """The port of the admin API and the console; without it they are on the port of the service. Set it to keep
    operators' pages away from callers.
    """
    session_secret: Secret | None = None
    """The secret that signs the sessions of the console, at least 32 random characters; without it a file in the data
    folder holds one. Set it for replicas without a common folder.
    """


class McpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure the MCP server at `/mcp`, which needs the extra `mcp`."""

    enabled: bool = True
    """Whether `/mcp` is served. Turn it off where no agent uses MCP."""


class Mem0CompatSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure whether the service speaks mem0's API as well; by default it does on a loopback address alone."""

    enabled: bool | None = None
    """Whether mem0's API is served; without it that is so on a loopback address alone. Set it to true to serve mem0's
    clients on other machines.
    """


class CompatSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure which APIs of other services this one speaks."""

    mem0: Mem0CompatSettings = Mem0CompatSettings()


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure what is logged and how."""

    format: Literal["auto", "json", "text"] = "auto"
    """How lines are written; `auto` is text on a terminal and JSON elsewhere. Set it where a collector expects one
    form, whatever standard error is.
    """
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is written. Lower it to `debug` to look for the cause of something, and for no longer."""


class TracingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure where spans are sent."""

    endpoint: CollectorUrl = None
    """The base URL of a collector that speaks OTLP over HTTP; without it nothing is traced. Set it to see where the
    time of requests goes.
    """
    ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """The share of the traces that begin here; a request with a `traceparent` follows that instead. Lower it where
    spans cost the service or the collector too much.
    """
    headers: dict[HeaderName, Secret] = field(default_factory=dict)
    """A header that the collector requires, such as a key. Set it where the collector asks for one."""
    service_name: Annotated[str, Meta(min_length=1, max_length=255)] = "ninaivalaigal"
    """The name of this service in traces. Change it where several installations send to one collector."""
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 5.0
    """The seconds for one batch of spans. Raise it for a distant collector; no request waits for it."""


class ChainSettings(ChainPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how providers are asked, and how long the journal remembers; `attempts` by the provider's name."""

    attempts: dict[ProviderName, AttemptPolicy] = field(default_factory=dict)


class TenantSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure whether callers may be of other tenants than the default one, see `deploy/docs/tenants.md`.

    Enable them when no replica of a version before tenants is left: it would refuse what they store.
    """

    enabled: bool = False
    """Whether callers may be of other tenants than `default`. Enable it once no replica of a version before tenants is
    left.
    """


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the whole configuration: which providers serve, and what holds for all of it."""

    order: list[str] = field(default_factory=lambda: ["native"])
    """The names of the providers in use: the first is home, the others are standbys. Change it to add a standby, or to
    make another provider home.
    """
    providers: dict[ProviderName, ProviderSettings] = field(default_factory=lambda: {"native": NativeSettings()})
    server: ServerSettings = ServerSettings()
    admin: AdminSettings = AdminSettings()
    journal: JournalSettings = field(default_factory=AutoJournalSettings)
    chain: ChainSettings = ChainSettings()
    installation: InstallationId = None
    """The name by which journal and stores know this installation; without it a file in the data folder holds an id.
    Set it, alike on all hosts, where the data folder does not outlive a restart.
    """
    data_dir: Path = field(default_factory=lambda: default_data_dir(process_environment(), euid=os.geteuid()))
    """The folder of the service's own files: by default the user's data folder, for root `/var/lib/ninaivalaigal`.
    Change it to keep them on another disk.
    """
    shared_dir: Path | None = None
    """The folder of what operators set for several hosts at once: the keys with their pepper, the order, and the mode.
    By default each host has its own, in `data_dir`. Change it to a folder that all hosts mount.
    """
    auth: AuthSettings = AuthSettings()
    tenants: TenantSettings = TenantSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = field(default_factory=TracingSettings)
    mcp: McpSettings = McpSettings()
    compat: CompatSettings = CompatSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    recall_limit: Annotated[int, Meta(ge=1, le=MAX_RECALL_LIMIT)] = DEFAULT_RECALL_LIMIT
    """The number of memories that a recall returns if it names no limit. Change it where most callers want another
    number.
    """
    reranker: RerankerSettings = field(default_factory=NoRerankerSettings)
    limits: LimitSettings = LimitSettings()
    quotas: QuotasSettings = field(default_factory=QuotasSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    expiry: ExpirySettings = field(default_factory=ExpirySettings)
    erasure: ErasurePolicy = ErasurePolicy()
    history: HistorySettings = HistorySettings()
    webhooks: dict[WebhookName, WebhookSettings] = field(default_factory=dict)

    @property
    def common_dir(self) -> Path:
        """Return the folder of what operators set, which may be common to several hosts."""
        return self.shared_dir or self.data_dir
