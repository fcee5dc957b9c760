"""A cache of an instrument's children, which finds them faster than the Prometheus client does."""

from typing import Generic, TypeVar

from prometheus_client.metrics import MetricWrapperBase

Child = TypeVar("Child", bound=MetricWrapperBase)


class Children(dict[tuple[str, ...], Child], Generic[Child]):
    """Map the values of the labels to a child, made on first use: `children[a, b].inc()`.

    For the instruments that every request counts with: a lookup in a dictionary costs a fifth of the client's
    `labels()`. Only for children that are never removed, since a removed one would go on counting unseen.
    """

    def __init__(self, family: Child) -> None:
        super().__init__()
        self._family = family

    def __missing__(self, labels: tuple[str, ...]) -> Child:
        """Make a child."""
        child = self[labels] = self._family.labels(*labels)
        return child
