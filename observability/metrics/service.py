"""Metrics of the service itself: version, clock, connections, and whether a changed configuration is in force."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Info


class ServiceMetrics:
    """Measure version, clock, connections and configuration."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.config_reloads = Counter(
            "ninai_config_reloads",
            "Looks at a changed configuration, by outcome: ok or refused.",
            ("outcome",),
            registry=registry,
        )
        self.config_last_reload_ok = Gauge(
            "ninai_config_last_reload_successful",
            "1 if the last changed configuration was taken, 0 if it was refused.",
            registry=registry,
        )
        self.config = Gauge(
            "ninai_config_info",
            "Always 1; the order in force, and a hash of the settings that instances of one service share.",
            ("order", "hash"),
            registry=registry,
        )
        self.workers = Gauge("ninai_worker_processes", "Worker processes whose metrics these are.", registry=registry)
        self.workers.set(1)
        self.connections = Gauge(
            "ninai_connections", "Connections of clients that are held, idle ones among them.", registry=registry
        )
        self.connections_cut = Counter(
            "ninai_connections_cut",
            "Connections of clients that were ended: a peer had too many (peer), or read too slowly (slow).",
            ("reason",),
            registry=registry,
        )
        for reason in ("peer", "slow"):
            self.connections_cut.labels(reason)
        self.clock_ahead = Gauge(
            "ninai_clock_ahead_seconds",
            "How far the greatest version that this process has met is ahead of its clock, 0 if it is not.",
            registry=registry,
        )
        self.build = Info("ninai_build", "Version of the running service.", registry=registry)

    def show_config(self, order: str, hashed: str) -> None:
        """Show what is in force now, and no longer what was."""
        self.config.clear()
        self.config.labels(order, hashed).set(1)
