"""Makes the references anew (`python -m deploy.guide reference`), or the site (`python -m deploy.guide FOLDER`)."""

import sys
from pathlib import Path

from deploy.guide.building import build
from deploy.guide.reference.pages import write_references
from deploy.guide.sources import ROOT

_WHERE_IT_IS_SERVED_FROM = ROOT / "app" / "docs" / "guide"


def main(arguments: list[str]) -> None:
    """Do what the first argument says; without one, build the site where the service looks for it."""
    if arguments == ["reference"]:
        write_references()
    else:
        build(Path(arguments[0]) if arguments else _WHERE_IT_IS_SERVED_FROM)


main(sys.argv[1:])
