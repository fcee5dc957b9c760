"""The pages of the documentation: links that lead somewhere, and commands and metrics that the product has."""

import itertools
import re
from pathlib import Path

import pytest

from providers.native import schema
from providers.native.embedded.cluster import APPLICATION
from tests.deploy.test_prometheus import measured
from tests.support.commands import of_ninai, refused
from tests.support.markdown import ROOT, anchors, dead_links, links, pages

DOCS = ROOT / "deploy" / "docs"
_PLACE = re.compile(r"`((?:app|providers|observability|tests|deploy)/[\w./*-]*)`")
_MADE_BY_READERS = {"deploy/.env"}
_METRIC = re.compile(r"`(ninai_[a-z_]+[a-z])[`{]")

every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
# The history of the product may name what it does not have any more.
every_page_of_today = pytest.mark.parametrize(
    "page", [page for page in pages() if page.name != "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT))
)


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading in it if the link names one."""
    assert list(dead_links(page)) == []


@every_page_of_today
def test_every_command_exists(page: Path) -> None:
    """Each `ninai ...` with its subcommands and options is one that the command line has."""
    commands = of_ninai(page.read_text("utf-8"))

    assert [line for line in commands if refused(line) is not None] == []


@every_page_of_today
def test_every_metric_exists(page: Path) -> None:
    """Each metric that a page names is measured, unless the name is that of a table or a role."""
    named = set(_METRIC.findall(page.read_text("utf-8"))) - _tables() - {APPLICATION}
    series = {re.sub(r"_(?:bucket|count|sum|total)$", "", name) for name in measured()}

    assert {name for name in named if re.sub(r"_(?:bucket|count|sum|total)$", "", name) not in series} == set()


def _tables() -> set[str]:
    """Return the tables of the native provider."""
    folder = Path(schema.__file__).parent / "migrations" / "versions"
    made = (re.findall(r"CREATE TABLE (ninai_[a-z_]+[a-z]) ", file.read_text("utf-8")) for file in folder.glob("*.py"))
    return {schema.VERSION_TABLE, *itertools.chain.from_iterable(made)}


@every_page_of_today
def test_every_path_exists(page: Path) -> None:
    """Each path of the repository that a page names leads to a file or a folder; a star stands for any name."""
    named = set(_PLACE.findall(page.read_text("utf-8"))) - _MADE_BY_READERS

    assert {path for path in named if not any(ROOT.glob(path.rstrip("/")))} == set()


def test_the_index_has_every_page() -> None:
    """Each page beside the index is linked from it."""
    index = links((DOCS / "README.md").read_text("utf-8"))

    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= set(index)


@pytest.mark.parametrize(
    ("link", "dead"),
    [
        ("there.md", False),
        ("there.md#what-is-a-page", False),
        ("#here", False),
        ("https://example.com/gone.md", False),
        ("gone.md", True),
        ("there.md#gone", True),
        ("#gone", True),
    ],
)
def test_a_dead_link_is_found(tmp_path: Path, link: str, *, dead: bool) -> None:
    """Whether the file is missing or the heading; addresses elsewhere are not followed."""
    (tmp_path / "there.md").write_text("# What is a `page`?\n", "utf-8")
    (page := tmp_path / "page.md").write_text(f"# Here\n\n[a link]({link})\n", "utf-8")

    assert list(dead_links(page)) == ([link] if dead else [])


def test_code_has_no_links_and_no_headings() -> None:
    """What stands in a fenced block or between backticks is text."""
    text = "# One\n\n`[a](b.md)`\n\n```console\n# Two\n[c](d.md)\n```\n\n[e](f.md)\n"

    assert links(text) == ["f.md"]
    assert anchors(text) == {"one"}


def test_repeated_headings_have_anchors_of_their_own() -> None:
    """The second one ends in 1, as on GitHub."""
    assert anchors("# A\n## A\n## [B, c](d.md)\n") == {"a", "a-1", "b-c"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("$ ninai db status --data-dir /srv\n", []),
        ("$ A=b .venv/bin/ninai --config c.toml serve\n", []),
        ("$ make it && ninai db nothing\n", ["nothing"]),
        ("Type `ninai serve --nothing`.\n", ["--nothing"]),
    ],
)
def test_an_unknown_command_is_found(text: str, wrong: list[str]) -> None:
    """Behind a prompt and within a sentence, subcommand or option."""
    assert [word for line in of_ninai(text) if (word := refused(line))] == wrong
