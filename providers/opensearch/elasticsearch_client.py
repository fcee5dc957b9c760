"""The client of Elasticsearch, which is `elasticsearch`."""

import logging
from collections.abc import Mapping
from urllib.parse import urlencode

import elastic_transport
from elasticsearch import AsyncElasticsearch

from providers.errors import Misconfigured, TimedOut
from providers.opensearch.address import ServerAddress
from providers.opensearch.calling import Answered, Call, SearchClient
from providers.opensearch.connecting import broken
from providers.opensearch.failures import failure_of

# They tell of every failure, which we tell ourselves.
for _name in ("elastic_transport.transport", "elastic_transport.node_pool"):
    logging.getLogger(_name).disabled = True


class ElasticsearchClient(SearchClient):
    """Send requests by the transport of `elasticsearch`; it tries nothing again, and its errors become ours here.

    What is above that transport demands of a server the version of the client, for what is not used here.
    """

    def __init__(self, address: ServerAddress) -> None:
        self._headers = address.headers
        self._client = AsyncElasticsearch(
            [
                elastic_transport.NodeConfig(
                    scheme=address.scheme,
                    host=address.host,
                    port=address.port,
                    path_prefix=address.path,
                    connections_per_node=address.connections,
                    request_timeout=None,
                    ssl_context=address.tls,
                )
            ],
            max_retries=0,
            retry_on_timeout=False,
        )

    async def send(self, call: Call, headers: Mapping[str, str]) -> Answered:
        """See `SearchClient`."""
        target = f"{call.path}?{urlencode(call.params)}" if call.params else call.path
        try:
            answer = await self._client.transport.perform_request(
                call.method,
                target,
                body=call.body,
                headers={**call.headers, **self._headers, **headers},
                max_retries=0,
                request_timeout=None,
            )
        except elastic_transport.ConnectionTimeout as error:
            raise TimedOut("no answer from the server in time", ambiguous=call.writes) from error
        except elastic_transport.ConnectionError as error:
            raise broken(error.__context__, writes=call.writes) from error  # which has lost its cause otherwise
        except elastic_transport.SerializationError:
            raise Misconfigured("what answers there speaks no JSON: is url right?") from None
        status, body = answer.meta.status, answer.body
        if call.is_answered(status, body):
            return Answered(status, body)
        raise failure_of(status, body, writes=call.writes, headers=answer.meta.headers)

    async def close(self) -> None:
        """See `SearchClient`."""
        await self._client.close()
