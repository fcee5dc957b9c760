"""Metrics of the service itself: version, clock, connections, refused callers, and the configuration in force."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Info

# Why a caller is refused.
REFUSALS = (
    "several",
    "missing",
    "malformed",
    "unknown",
    "expired",
    "early",
    "revoked",
    "issuer",
    "session",
    "scope",
    "user",
)


class ServiceMetrics:
    """Measure version, clock, connections, refused callers and configuration."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        self.config_reloads = counter(
            "ninai_config_reloads", "Looks at a changed configuration, by outcome: ok or refused.", ("outcome",)
        )
        self.config_last_reload_ok = gauge(
            "ninai_config_last_reload_successful", "1 if the last changed configuration was taken, 0 if it was refused."
        )
        self.config = gauge(
            "ninai_config_info",
            "Always 1; the order in force, and a hash of the settings that instances of one service share.",
            ("order", "hash"),
        )
        self.workers = gauge("ninai_worker_processes", "Worker processes whose metrics these are.")
        self.workers.set(1)
        self.connections = gauge("ninai_connections", "Connections of clients that are held, idle ones among them.")
        self.connections_cut = counter(
            "ninai_connections_cut",
            "Connections of clients that were ended: a peer had too many (peer), or read too slowly (slow).",
            ("reason",),
        )
        for reason in ("peer", "slow"):
            self.connections_cut.labels(reason)
        self.auth_refusals = counter(
            "ninai_auth_refusals",
            "Requests whose caller was refused, by reason: several credentials, missing, malformed, unknown, "
            "expired, early or revoked ones, those whose issuer's keys are not known yet, a session that has ended, a "
            "scope or a user that the caller does not have.",
            ("reason",),
        )
        for reason in REFUSALS:
            self.auth_refusals.labels(reason)
        self.clock_ahead = gauge(
            "ninai_clock_ahead_seconds",
            "How far the greatest version that this process has met is ahead of its clock, 0 if it is not.",
        )
        self.build = Info("ninai_build", "Version of the running service.", registry=registry)

    def show_config(self, order: str, hashed: str) -> None:
        """Show what is in force now, and no longer what was."""
        self.config.clear()
        self.config.labels(order, hashed).set(1)
