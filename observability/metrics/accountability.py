"""Metrics of what callers are held to: the audit, the mode of the service, quarantines and limits."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge


class AccountabilityMetrics:
    """Measure the audit, limits and quarantines, and show the mode."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self.read_only = Gauge(
            "ninai_read_only", "1 while the service refuses writes for maintenance, else 0.", registry=registry
        )
        self.quarantines = Gauge(
            "ninai_quarantines", "Quarantines in force, which hide what a key wrote.", registry=registry
        )
        self.quarantine_hidden = counter(
            "ninai_quarantine_hidden", "Memories in quarantine that an answer would have shown otherwise."
        )
        self.rate_limited = counter(
            "ninai_rate_limited",
            "Requests that were refused because their key, user or tenant had asked too much: requests or memories.",
            ("by", "unit"),
        )
        for by in ("key", "user", "tenant"):
            for unit in ("requests", "memories"):
                self.rate_limited.labels(by, unit)
        self.rates_shared = Gauge(
            "ninai_rates_shared",
            "1 while limits are counted with the other hosts, 0 while the Redis for it does not answer, NaN without"
            " one.",
            registry=registry,
        )
        self.quota_refused = counter(
            "ninai_quota_refused",
            "Memories that were refused because their user or tenant holds as much as it may: memories or bytes.",
            ("by", "unit"),
        )
        for by in ("user", "tenant"):
            for unit in ("memories", "bytes"):
                self.quota_refused.labels(by, unit)
        self.quota_unknown = counter(
            "ninai_quota_unknown",
            "Writes that were taken although nobody could tell how much their user or tenant holds.",
            ("by",),
        )
        for by in ("user", "tenant"):
            self.quota_unknown.labels(by)
        self.retention_erased = counter(
            "ninai_retention_erased", "Memories that were erased by a rule of retention.", ("rule",)
        )
        self.audit_entries = counter("ninai_audit_entries", "Entries written to the audit.")
        self.audit_lost = counter("ninai_audit_lost", "Requests of which the audit could not write anything.")
        self.audit_not_shipped = counter("ninai_audit_not_shipped", "Entries that could not be sent to the syslog.")
