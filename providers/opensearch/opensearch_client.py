"""The client of OpenSearch, which is `opensearch-py`."""

import logging
from collections.abc import Mapping

import aiohttp
from opensearchpy import AsyncOpenSearch, exceptions

from providers.errors import Misconfigured, TimedOut, Unavailable
from providers.opensearch.address import ServerAddress
from providers.opensearch.calling import Answered, Call, SearchClient
from providers.opensearch.connecting import broken
from providers.opensearch.failures import failure_of

# It writes bodies, which are memories, and every failure, which we tell ourselves.
logging.getLogger("opensearch").disabled = True


class OpenSearchClient(SearchClient):
    """Send requests by the transport of `opensearch-py`; it tries nothing again, and its errors become ours here."""

    def __init__(self, address: ServerAddress) -> None:
        self._headers, tls = address.headers, address.tls
        self._client = AsyncOpenSearch(
            hosts=[{"host": address.host, "port": address.port, "url_prefix": address.path}],
            use_ssl=tls is not None,
            ssl_context=tls,
            pool_maxsize=address.connections,
            max_retries=0,
            retry_on_timeout=False,
            timeout=None,
        )

    async def send(self, call: Call, headers: Mapping[str, str]) -> Answered:
        """See `SearchClient`."""
        try:
            body = await self._client.transport.perform_request(
                call.method,
                call.path,
                params=dict(call.params),
                body=call.body,
                headers={**call.headers, **self._headers, **headers},
            )
        except exceptions.ConnectionTimeout as error:
            raise TimedOut("no answer from the server in time", ambiguous=call.writes) from error
        except exceptions.ConnectionError as error:
            raise broken(error.info, writes=call.writes) from error
        except exceptions.TransportError as error:
            status, said = int(error.status_code), error.info
            if call.is_answered(status, said):
                return Answered(status, said)
            raise failure_of(status, said, writes=call.writes) from None
        except exceptions.SerializationError:
            raise Misconfigured("what answers there speaks no JSON: is url right?") from None
        except aiohttp.ClientError as error:
            raise Unavailable("the connection to the server broke", ambiguous=call.writes) from error
        return Answered(200, body)

    async def close(self) -> None:
        """See `SearchClient`."""
        await self._client.close()
