"""The pages that are made from the code, and where they stand."""

from collections.abc import Callable, Mapping

from deploy.guide.reference.measurements import measurements_page
from deploy.guide.reference.problems import problems_page
from deploy.guide.reference.settings import settings_page
from deploy.guide.sources import ROOT

REFERENCES: Mapping[str, Callable[[], str]] = {
    "deploy/docs/settings.md": settings_page,
    "deploy/docs/measurements.md": measurements_page,
    "deploy/docs/problems.md": problems_page,
}


def write_references() -> None:
    """Write each of them anew."""
    for path, page in REFERENCES.items():
        (ROOT / path).write_text(page(), "utf-8")
