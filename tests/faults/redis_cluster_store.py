"""A Redis Cluster as a store in a chain."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from observability.secret import Secret
from providers.redis.settings import RedisSettings
from providers.replica import Replica
from tests.faults.unlike import PATIENT, Store
from tests.support.native import host_for
from tests.support.redis_cluster import RedisCluster


class ClusterStore(Store):
    """A cluster that acknowledges what a replica has on its disk as well, so that a failover loses nothing."""

    name = "redis"

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster

    @property
    def variables(self) -> Mapping[str, str]:
        """See `Store`; the server that everything is learnt from at first is one that dies, too."""
        return {
            "KIND": "redis",
            "URL": self._cluster.servers[0].url,
            "CLUSTER": "true",
            "REPLICAS": "1",
            "TIMEOUT": "3",
        }

    def provider(self) -> AbstractAsyncContextManager[Replica]:
        """See `Store`."""
        url = Secret(self._cluster.servers[0].url)
        return RedisSettings(url=url, cluster=True, timeout=PATIENT).open(host_for())
