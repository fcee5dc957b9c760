"""Examples of settings and of shells on the pages; and that every block of code is tried, or says why not."""

import re
from pathlib import Path

import pytest

from app.settings import load
from tests.deploy.documented.registry import NOT_TRIED, TRIED
from tests.support.markdown import ROOT, pages
from tests.support.transcripts import Block, Shell, blocks, steps

# The runbooks are tried as a whole; the design and the history show nothing that is typed.
_ELSEWHERE = ("deploy/runbooks/", "providers/", "app/http/", "CHANGELOG.md")


def shown_blocks() -> list[Block]:
    """Return every block of code on the pages."""
    every = [block for page in pages() for block in blocks(page)]
    return [block for block in every if not block.page.startswith(_ELSEWHERE)]


@pytest.mark.parametrize("block", shown_blocks(), ids=lambda block: block.name)
def test_a_block_is_tried_or_says_why_not(block: Block) -> None:
    """The test that tries it exists; the registry has no entry twice."""
    tried = [test for (page, start), test in TRIED.items() if page == block.page and block.text.startswith(start)]
    not_tried = [why for (page, start), why in NOT_TRIED.items() if page == block.page and block.text.startswith(start)]

    assert tried or not_tried, f"{block.name} is tried by no test: {block.text.splitlines()[0]}"
    assert [test for test in tried if not (ROOT / test).is_file()] == []


def test_the_registry_names_no_block_that_is_gone() -> None:
    """Neither among those that are tried, nor among the others."""
    starts = [(block.page, block.text) for block in shown_blocks()]
    named = [*TRIED, *NOT_TRIED]

    assert [key for key in named if not any(key[0] == page and text.startswith(key[1]) for page, text in starts)] == []


def _filled_in(text: str) -> str:
    """Return an example with a value in place of what three dots stand for."""
    return re.sub(r'"hmac-sha256:[0-9a-f]+:\.\.\."', '"hmac-sha256:3f2a91bc:' + "0" * 64 + '"', text)


@pytest.mark.parametrize(
    "block", [block for block in shown_blocks() if block.language == "toml"], ids=lambda block: block.name
)
def test_an_example_of_settings_is_valid(block: Block, tmp_path: Path) -> None:
    """By itself, as a whole file."""
    indented = re.sub(r"^   ", "", _filled_in(block.text), flags=re.MULTILINE)
    (file := tmp_path / "ninai.toml").write_text(indented, "utf-8")

    loaded = load(file, {"NINAI__DATA_DIR": str(tmp_path)})

    assert any(origin.kind == "file" for origin in loaded.origins.values())


def test_the_name_of_a_caller_by_token_is_made_as_the_page_makes_it(tmp_path: Path) -> None:
    """The end of a digest, in hexadecimal digits."""
    [block] = [one for one in shown_blocks() if one.page == "deploy/docs/tokens.md" and one.text.startswith("$ printf")]
    [step] = steps(block.text)

    assert re.fullmatch(r"[0-9a-f]+(?: +-)?\n?", Shell(tmp_path, {"PATH": "/usr/bin:/bin"}).run(step.command))


def test_the_redis_of_the_page_has_settings() -> None:
    """The file that it names has Redis in its order."""
    assert "redis" in load(ROOT / "deploy" / "redis.toml", {}).settings.order
