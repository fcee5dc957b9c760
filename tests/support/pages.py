"""Pages as a browser without scripts reads them: their words, and the forms that can be sent."""

import re
from html.parser import HTMLParser
from typing import Any

import httpx

_UNSEEN = frozenset({"head", "noscript", "title"})
_INLINE = frozenset({"a", "b", "code", "span"})
_VOID = frozenset({"meta", "link", "input", "br"})


class Form:
    """A form: where it leads, and what it would send."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.fields: dict[str, str] = {}
        self.button = ""


class Page(HTMLParser):
    """What stands on a page; the titles of pictures are words as well."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        assert response.headers["content-type"] == "text/html; charset=utf-8", response.text[:200]
        self.response = response
        self.status = response.status_code
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self._open: list[str] = []
        self._words: list[str] = []
        self.feed(response.text)

    @property
    def text(self) -> str:
        """All words that are seen, single spaces between them."""
        return re.sub(r"\s+", " ", "".join(self._words)).strip()

    def form(self, action: str, **having: str) -> Form:
        """Return the one form that leads there and has these fields."""
        [found] = [one for one in self.forms if one.action == action and having.items() <= one.fields.items()]
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(given["action"], given["method"]))
        elif tag == "input":
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        self._part(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element that holds nothing."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Every element is closed in its turn."""
        assert self._open.pop() == tag, f"{tag} is closed before what is in it"
        self._part(tag)

    def _part(self, tag: str) -> None:
        if tag not in _INLINE:
            self._words.append(" ")

    def handle_data(self, data: str) -> None:
        """Take note of words."""
        if "svg" in self._open or not _UNSEEN.intersection(self._open):
            self._words.append(data)
        if self._open and self._open[-1] == "button" and self.forms:
            self.forms[-1].button = data


class Visitor:
    """An operator with a browser that runs no scripts."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def look(self, path: str = "/console", **sent: Any) -> Page:  # noqa: ANN401 - what httpx takes
        """Go to a page."""
        return Page(await self.http.get(path, **sent))

    async def post(self, form: Form, headers: dict[str, str] | None = None, **filled_in: str) -> httpx.Response:
        """Send a form as browsers do on loopback, and return the answer itself."""
        told = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"} if headers is None else headers
        return await self.http.post(form.action, data={**form.fields, **filled_in}, headers=told)

    async def send(self, form: Form, **filled_in: str) -> Page:
        """Send a form, and go where that leads."""
        if form.method == "get":
            return await self.look(form.action, params={**form.fields, **filled_in})
        response = await self.post(form, None, **filled_in)
        if response.status_code == httpx.codes.SEE_OTHER:
            return await self.look(response.headers["location"])
        return Page(response)

    async def log_in(self, key: str) -> Page:
        """Show an API key on the form that the first page is then."""
        return await self.send((await self.look()).form("/console/login"), key=key)
