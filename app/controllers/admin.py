"""The providers of the chain, for the operator: their states and their circuit breakers."""

from typing import Annotated, Literal

from litestar import get, put
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter, QueryParameter

from app.admin.calls import provide_chain_service
from app.admin.chain_service import ChainService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource, taking
from app.http import problems
from app.http.json.body import JsonDTO
from app.http.operator_schemas import BreakerChange
from app.http.parameters import PARAMETERS
from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.status import ChainStatus, Explanation, ProviderStatus

ProviderName = Annotated[str, PathParameter(description="A provider, by its name in the order.")]


class AdminController(OperatorResource):
    """The chain in the state of the process that answers; every worker has circuit breakers of its own."""

    path = "/admin"
    dependencies = {"service": Provide(provide_chain_service)}  # noqa: RUF012 - read by the framework, never changed

    @get("/providers", opt={SCOPE: "admin:read"}, responses=problems.described(*OPERATOR_PROBLEMS))
    async def chain_status(self, service: NamedDependency[ChainService]) -> ChainStatus:
        """Describe the chain: its order, and the state of each provider. 200 even while the journal is out of reach."""
        return await service.status()

    @get(
        "/providers/{name:str}",
        opt={SCOPE: "admin:read"},
        responses=problems.described(*OPERATOR_PROBLEMS, problems.UNKNOWN_PROVIDER),
    )
    async def provider_status(self, name: ProviderName, service: NamedDependency[ChainService]) -> ProviderStatus:
        """Describe one provider."""
        return await service.provider(name)

    @put(
        "/providers/{name:str}/breaker",
        opt={SCOPE: "admin:write"},
        **taking(JsonDTO[BreakerChange], *OPERATOR_PROBLEMS, problems.UNKNOWN_PROVIDER),
    )
    async def set_breaker(
        self, name: ProviderName, data: JSONBody[BreakerChange], service: NamedDependency[ChainService]
    ) -> BreakerSnapshot:
        """Force the circuit breaker of a provider open or closed, or release it with `auto`.

        It stays forced until it is released or the process ends, in the one process that answers this request: with
        several workers the others keep their own states.
        """
        return service.set_breaker(name, data)

    @get(
        "/explain",
        opt={SCOPE: "admin:read", PARAMETERS: ("operation",)},
        responses=problems.described(*OPERATOR_PROBLEMS),
    )
    async def explanation(
        self,
        service: NamedDependency[ChainService],
        operation: Annotated[
            Literal["recall", "read", "remember", "delete"],
            QueryParameter(description="`read` stands for list and get, `remember` for update as well."),
        ] = "recall",
    ) -> Explanation:
        """Explain which providers an operation would reach now, and why."""
        return service.explain(operation)
