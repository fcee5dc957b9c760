"""Metrics of webhooks."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter

RESULTS = ("delivered", "dead", "lost")


class WebhookMetrics:
    """Count what webhooks sent, and what they gave up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.webhook_attempts = Counter(
            "ninai_webhook_attempts_total",
            "Messages sent to webhooks, by outcome: delivered, refused, unreachable, or gone, which is 410.",
            ("webhook", "outcome"),
            registry=registry,
        )
        self.webhook_changes = Counter(
            "ninai_webhook_changes_total",
            "Changes that a webhook was told (delivered) or that became dead letters (dead), and how often the journal"
            " had dropped changes before they were told (lost).",
            ("webhook", "result"),
            registry=registry,
        )

    def expect_webhook(self, name: str, outcomes: Sequence[str]) -> None:
        """Show everything of a webhook from the start, with 0."""
        for outcome in outcomes:
            self.webhook_attempts.labels(name, outcome)
        for result in RESULTS:
            self.webhook_changes.labels(name, result)
