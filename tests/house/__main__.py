"""Print the measures of this checkout, or of another one: `python -m tests.house --root PATH`."""

import asyncio
import logging
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import structlog

from tests.house import collected, fields, imports, names, rigs, sizes, stand_ins
from tests.house.table import Row, rendered
from tests.house.tree import Tree

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> None:
    """Print one section a subject."""
    options = _options(arguments)
    tree = Tree(options.root.resolve())
    sections = {"how deep a request goes": _frames(stacks=options.stacks)} if tree.root == ROOT else {}
    sections |= {
        "how many files one field touches": fields.rows(tree),
        "how long things are": sizes.rows(tree),
        "who imports whom": imports.rows(tree),
        "what shares a name": names.rows(tree),
        "what the tests build": [*rigs.rows(tree), *stand_ins.rows(tree)],
    }
    if options.tests:
        sections["what the tests are"] = collected.rows(tree.root)
    sys.stdout.writelines(rendered(title, rows) for title, rows in sections.items())


def _options(arguments: list[str]) -> Namespace:
    parser = ArgumentParser("python -m tests.house", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="a checkout, whose program is not run if it is another")
    parser.add_argument("--tests", action="store_true", help="count the tests too, which takes a while")
    parser.add_argument("--stacks", action="store_true", help="name every frame")
    return parser.parse_args(arguments)


def _frames(*, stacks: bool) -> list[Row]:
    """Measure the running program; it is imported only here, so that another checkout needs none that runs."""
    from tests.house import frames

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return asyncio.run(frames.rows(ROOT, stacks=stacks))


if __name__ == "__main__":
    main(sys.argv[1:])
