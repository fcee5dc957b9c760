"""Forgetting a memory on the console: a page that asks for confirmation, then the deletion."""

from typing import Any
from urllib.parse import urlencode

from litestar import Response
from msgspec import Struct

from app.console.browser.browser import Browser
from app.console.forms import filled_in
from app.console.pages import AnyRequest, page, redirect_back
from app.http.problems import Problem, problem_of
from providers.errors import ProviderError
from providers.limits import check_memory_id
from providers.owners import Owner


class ForgetForm(Struct, frozen=True, forbid_unknown_fields=True):
    """Name the memory to be forgotten."""

    tenant: str
    user: str
    id: str


async def forget_page(
    request: AnyRequest, browser: Browser, owner: Owner, memory_id: str, problem: Problem | None = None
) -> Response[str]:
    """Describe what forgetting a memory does; raise `InvalidInput` if the id is none."""
    return page(
        request,
        "forget.html",
        problem=problem,
        owner=owner,
        place={"tenant": owner.tenant, "user": owner.user},
        memory_id=check_memory_id(memory_id),
        providers=[link.name for link in browser.chain.links()],
    )


async def forget_memory(request: AnyRequest, browser: Browser) -> Response[Any]:
    """Delete a memory for good, and return to the list; or show why not."""
    form = filled_in(request.state.form, ForgetForm)
    owner = browser.reader.owner(form.tenant, form.user, "memory:delete")
    try:
        erased = await browser.forget(owner, form.id)
    except ProviderError as error:
        return await forget_page(request, browser, owner, form.id, problem_of(error))
    done = f"The memory {form.id} is deleted for good."
    if not erased.confirmed:
        done = f"{done} No reader sees it any more, though it is not deleted everywhere yet."
    place = urlencode({"tenant": owner.tenant, "user": owner.user})
    return await redirect_back(request, done, f"/memories?{place}")
