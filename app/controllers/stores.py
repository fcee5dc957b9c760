"""The stores behind the providers, for the operator: their differences, and their merge."""

from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter

from app.admin.calls import provide_stores_service
from app.admin.stores_service import StoresService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource
from app.http import problems
from app.http.parameters import PARAMETERS
from providers import limits
from providers.chain.comparing.pages import DiffPage, MergePage

_PROBLEMS = problems.described(
    *OPERATOR_PROBLEMS, problems.UNKNOWN_PROVIDER, problems.NO_JOURNAL, problems.ANOTHER_STORE, problems.UNAVAILABLE
)
_MAX_AFTER_CHARS = 8 * limits.MAX_USER_ID_CHARS  # in base64, of characters of up to four bytes

ProviderName = Annotated[str, PathParameter(description="A provider, by its name in the order.")]
After = Annotated[
    str | None, QueryParameter(max_length=_MAX_AFTER_CHARS, description="The `next_after` of the page before.")
]


class StoresController(OperatorResource):
    """Long works in pages of some seconds each; a page can be asked for again, and its successor at any worker."""

    path = "/admin/providers/{name:str}"
    dependencies = {"service": Provide(provide_stores_service)}  # noqa: RUF012 - read by the framework, never changed

    @get("/differences", opt={SCOPE: "admin:read", PARAMETERS: ("other", "after", "limit")}, responses=_PROBLEMS)
    async def differences(
        self,
        name: ProviderName,
        service: NamedDependency[StoresService],
        other: Annotated[str, QueryParameter(description="The provider to compare it with.")],
        after: After = None,
        limit: Annotated[int, QueryParameter(ge=0, le=limits.MAX_LIST_LIMIT, description="Memories listed.")] = 100,
    ) -> DiffPage:
        """Compare two providers for some seconds: how much they hold, and in which memories they differ; no texts."""
        return await service.diff(name, other, after, limit)

    @post("/merge", status_code=200, opt={SCOPE: "admin:write", PARAMETERS: ("after",)}, responses=_PROBLEMS)
    async def merge(
        self, name: ProviderName, service: NamedDependency[StoresService], after: After = None
    ) -> MergePage:
        """Bring a provider and the complete ones to the same state, for some seconds.

        Of a memory the newest version goes to all, and a deletion that one store knows wins everywhere. Every store in
        the order must answer. Repeating a page is harmless.
        """
        return await service.merge(name, after)
