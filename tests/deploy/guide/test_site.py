"""The site that `make docs` builds: closed in itself, without dead links, and working in a browser."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.guide.navigation import SECTIONS
from deploy.guide.sources import page_names
from tests.deploy.guide.site import SitePage, dead_links, is_outside, pages_of, reachable
from tests.support.chromium import browse, needs_chromium
from tests.support.markdown import ROOT
from tests.support.service import running_service

# Pages that stand under no heading of their own: those that the generator makes, and files that are shown.
_MADE = {"search.html", "index.html"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once, as `make docs` does it."""
    built = tmp_path_factory.mktemp("guide") / "site"
    subprocess.run([sys.executable, "-m", "deploy.guide", built], cwd=ROOT, check=True)  # noqa: S603 - our own command
    return built


def test_every_page_of_the_documentation_is_in_the_navigation() -> None:
    """Under one heading, once."""
    listed = [page for section in SECTIONS for page in section.pages]
    docs = {str(path.relative_to(ROOT)) for path in (ROOT / "deploy" / "docs").glob("*.md")}

    assert docs - set(listed) == {"deploy/docs/README.md"}
    assert len(listed) == len(set(listed))


def test_a_page_is_read_as_a_browser_reads_it() -> None:
    """What it loads is told from where it leads."""
    page = SitePage(
        '<link rel="stylesheet" href="a.css"><link rel="next" href="b.html"><script src="https://cdn.example/c.js"></script>'
        '<a id="d" href="https://example.com">e</a><img src="data:image/png;base64,">'
    )

    assert page.loads == ["a.css", "https://cdn.example/c.js", "data:image/png;base64,"]
    assert [address for address in page.loads if is_outside(address)] == ["https://cdn.example/c.js"]
    assert (page.links, page.anchors) == (["https://example.com"], {"d"})


def test_a_dead_link_of_the_site_is_found(tmp_path: Path) -> None:
    """Whether the page is missing or the anchor."""
    (tmp_path / "a.html").write_text('<p id="x"><a href="a.html#x"></a><a href="#y"></a><a href="b.html"></a>', "utf-8")

    assert list(dead_links(pages_of(tmp_path), tmp_path)) == ["a.html: #y", "a.html: b.html"]


@pytest.mark.thorough
def test_the_site_is_whole_and_closed(folder: Path) -> None:
    """No browser loads anything from elsewhere, no link is dead, and whoever starts at the first page comes to each."""
    pages = pages_of(folder)

    assert {f"{name}.html" for name in page_names().values()} <= set(pages)
    assert [load for page in pages.values() for load in page.loads if is_outside(load)] == []
    assert list(dead_links(pages, folder)) == []
    assert set(pages) - reachable(pages, "index.html") - _MADE == set()
    styles = "".join(path.read_text("utf-8") for path in folder.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", styles) == []


@pytest.fixture(scope="module")
def served(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A live service that shows the site; one that stands in the working copy already is shown as it is."""
    place = ROOT / "app" / "docs" / "guide"
    linked = not place.exists()
    if linked:
        place.symlink_to(folder)
    try:
        with running_service(tmp_path_factory.mktemp("service"), {"MEMORY_PROVIDER": "mock"}) as service:
            yield f"{service.url}/docs/guide"
    finally:
        if linked:
            place.unlink()


@needs_chromium
@pytest.mark.thorough
def test_the_site_works_in_a_browser(served: str, tmp_path: Path) -> None:
    """Under the policy of the service: scripts run, the search finds a setting, and nothing is complained of."""
    seen = browse(f"{served}/search.html?q=least_patience", tmp_path / "profile")

    [results] = re.findall(r'<ul role="list" class="search">.*?</ul>', seen.dom, re.DOTALL)
    assert 'href="settings.html' in results
    assert 'data-theme="auto"' in seen.dom
    assert seen.complaints == []
