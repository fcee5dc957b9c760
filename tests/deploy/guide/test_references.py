"""The references that are made from the code: up to date, complete, and with advice."""

import re

import pytest
from msgspec import Struct

from app.http.problem_advice import ADVICE
from app.settings import Settings
from app.settings.listing import leaves
from deploy.guide.reference.docstrings import field_docstrings
from deploy.guide.reference.pages import REFERENCES
from deploy.guide.reference.problems import kinds
from deploy.guide.reference.settings import UnexplainedSetting, tables
from tests.deploy.test_prometheus import measured
from tests.support.markdown import ROOT

# What the last sentence about a setting begins with.
WHEN = re.compile(r"(?:Change|Set|Raise|Lower|Leave|Turn|Enable) ")


@pytest.mark.parametrize("path", REFERENCES)
def test_a_reference_is_up_to_date(path: str) -> None:
    """`make reference` would change nothing."""
    assert (ROOT / path).read_text("utf-8") == REFERENCES[path](), "run `make reference`"


def test_every_setting_says_when_to_change_it() -> None:
    """In its last sentence, after what it means."""
    settings = [setting for table in tables() for setting in table.settings]
    ends = {".".join(setting.path): setting.meaning.rpartition(". ")[2] for setting in settings}

    assert len(settings) > 150
    assert {path: end for path, end in ends.items() if not WHEN.match(end)} == {}


def test_every_kind_says_when_to_choose_it() -> None:
    """Of every table of which there are several kinds."""
    kinds = [table for table in tables() if table.kind is not None]

    assert len(kinds) > 10
    assert [(table.path, table.kind) for table in kinds if "Choose it" not in table.about] == []


def test_the_reference_has_every_setting_of_the_defaults() -> None:
    """What `ninai config show` prints without a configuration stands there."""
    known = {".".join(setting.path) for table in tables() for setting in table.settings}
    known |= {".".join((*table.path, "kind")) for table in tables() if table.kind}
    known |= {
        f"{'.'.join(path)}.{one.path[-1]}" for table in tables() for path in table.alike for one in table.settings
    }

    assert {leaf.path for leaf in leaves(Settings())} - known == set()


def test_the_reference_has_every_metric() -> None:
    """Each family, by its name without the endings of its series."""
    text = (ROOT / "deploy/docs/measurements.md").read_text("utf-8")
    named = set(re.findall(r"^\| `(ninai_\w+)`", text, re.MULTILINE))

    assert {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in measured()} - named <= set()


def test_every_kind_of_problem_has_advice() -> None:
    """And no advice is about a kind that is gone."""
    assert set(ADVICE) == set(kinds())


class _Explained(Struct):
    """A table with one setting of each sort."""

    number: int = 1
    """How many, on
    two lines.
    """
    silent: str | None = None


class _Inheriting(_Explained):
    """A table that explains one more."""

    own: bool = True
    """Whether."""


def test_a_docstring_follows_its_field() -> None:
    """On one line, inherited ones as well; a field without one has none."""
    assert field_docstrings(_Inheriting) == {"number": "How many, on two lines.", "own": "Whether."}


def test_a_setting_without_a_docstring_is_refused() -> None:
    """With its name, for whoever has added it."""
    from deploy.guide.reference import settings

    with pytest.raises(UnexplainedSetting, match=r"_Explained\.silent"):
        list(settings._tables(_Explained, ()))  # noqa: SLF001 - the walk below the whole configuration


@pytest.mark.parametrize(
    ("path", "values", "default"),
    [
        ("server.port", "a whole number, 0 to 65,535", "`8000`"),
        ("log.level", 'one of `"debug"`, `"info"`, `"warning"`, `"error"`', '`"info"`'),
        (
            "auth.keys.NAME.hash",
            '"hmac-sha256:" with the id of the pepper, or "sha256:", and 64 lower-case hex digits',
            "must be set",
        ),
        ("providers.native.embedder.timeout", "a number, more than 0 to 600", "`10.0`"),
        ("data_dir", "a path", "depends on the host"),
        ("providers.redis.url", "a secret", '`"redis://localhost:6379/0"`'),
    ],
)
def test_values_and_defaults_are_told_in_words(path: str, values: str, default: str) -> None:
    """With bounds, choices and shapes."""
    [setting] = [one for table in tables() for one in table.settings if ".".join(one.path) == path]

    assert (setting.values, setting.default) == (values, default)
