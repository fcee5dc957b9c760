"""What mem0's managed service has beside memories: who calls, users, and all that is not served here."""

from litestar import Controller, HttpMethod, delete, get, route
from litestar.params import FromPath

from app.auth.admission import admit_protocol
from app.auth.routes import SCOPE
from app.compat.mem0.errors import HANDLERS
from app.compat.mem0.reading import AnyRequest, operations_of, page_in_query
from app.compat.mem0.records import EntitiesAnswer, Entity, MessageAnswer, PingAnswer
from app.compat.mem0.requests import Named, Narrowed
from app.http.problems import NOT_SERVED, RequestError
from app.http.target import require_utf8_path
from observability.counted import counted
from providers.errors import InvalidInput

_NO_LIST = "A key that names no users lists nobody: there is no list of all users here"
_BUT_DELETE = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH]
_METHODS = [*_BUT_DELETE, HttpMethod.DELETE]
_QUOTED_CHARS = 100


class EntitiesController(Controller):
    """Users, and agents, applications and runs that stand for one."""

    include_in_schema = False
    exception_handlers = HANDLERS
    before_request = staticmethod(admit_protocol)

    @get("/v1/ping", opt={SCOPE: "memory:read"})
    async def ping(self, request: AnyRequest) -> PingAnswer:
        """Say that the key is known."""
        operations_of(request)
        return PingAnswer()

    @get(["/v1/entities", "/entities"], opt={SCOPE: "memory:read"})
    async def entities(self, request: AnyRequest) -> EntitiesAnswer:
        """Return the users that the key names."""
        operations, page = operations_of(request), page_in_query(request)
        users = operations.call.identity.users.named
        if users is None:
            raise RequestError(NOT_SERVED, _NO_LIST)
        results = []
        for user in users[page.skip : page.skip + page.size]:
            total = (await operations.page(Narrowed(user_id=user), 0, 0)).count
            results.append(Entity(id=user, name=user, total_memories=total))
        return EntitiesAnswer(count=len(users), results=results, total_users=len(users))

    @delete(
        ["/v2/entities/{kind:str}/{name:path}", "/entities/{kind:str}/{name:path}"],
        status_code=200,
        opt={SCOPE: "memory:delete"},
    )
    async def delete_entity(self, request: AnyRequest, kind: FromPath[str], name: FromPath[str]) -> MessageAnswer:
        """Delete all memories of a user, or of what stands for one."""
        require_utf8_path(request)
        deleted = await operations_of(request).delete_all(_named(kind, name.removeprefix("/")))
        return MessageAnswer(f"{counted(deleted, 'memory', 'memories')} deleted")

    @route("/v2/entities/{kind:str}/{name:path}", http_method=_BUT_DELETE, status_code=200, opt={SCOPE: "memory:read"})
    async def unserved(self, request: AnyRequest, kind: FromPath[str], name: FromPath[str]) -> None:  # noqa: ARG002 - parts of the path
        """Say that there are no profiles."""
        raise _refusal(request)


class UnservedController(Controller):
    """Everything else that clients may call: webhooks, projects, feedback, exports, summaries, events, profiles."""

    include_in_schema = False
    exception_handlers = HANDLERS
    before_request = staticmethod(admit_protocol)

    @route(
        ["/v1/{rest:path}", "/v2/{rest:path}", "/v3/{rest:path}", "/api/v1/{rest:path}"],
        http_method=_METHODS,
        status_code=200,
        opt={SCOPE: "memory:read"},
    )
    async def unserved(self, request: AnyRequest, rest: FromPath[str]) -> None:  # noqa: ARG002 - part of the path
        """Say that this is not served."""
        raise _refusal(request)


def _refusal(request: AnyRequest) -> RequestError:
    """Return the refusal of what is not served, to a caller that is known."""
    operations_of(request)
    place = request.scope["path"][:_QUOTED_CHARS]
    return RequestError(NOT_SERVED, f"{request.method} {place} of mem0's API is not served here")


def _named(kind: str, name: str) -> Named:
    match kind:
        case "user":
            return Named(user_id=name)
        case "agent":
            return Named(agent_id=name)
        case "app":
            return Named(app_id=name)
        case "run":
            return Named(run_id=name)
        case _:
            raise InvalidInput("type", "must be user, agent, app or run")
