"""The site from its pages: by Sphinx, without anything that a browser would load from elsewhere."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from app import __version__
from deploy.guide.sources import INDEX, ROOT, write_sources
from deploy.guide.trimming import copy_served

_STYLE = Path(__file__).parent / "guide.css"


def build(folder: Path) -> None:
    """Build the site into a folder, in place of what was there; a warning of the generator is an error."""
    from sphinx.application import Sphinx

    with TemporaryDirectory() as work:
        pages, built, kept = (Path(work) / name for name in ("pages", "site", "doctrees"))
        pages.mkdir()
        write_sources(pages)
        (pages / "_static").mkdir()
        shutil.copy(_STYLE, pages / "_static" / _STYLE.name)
        shutil.copy(ROOT / "app" / "console" / "files" / "icon.svg", pages / "_static" / "icon.svg")
        sphinx = Sphinx(pages, None, built, kept, "html", _CONFIGURATION, status=None, warningiserror=True)
        sphinx.build()
        if sphinx.statuscode:
            raise SystemExit("the guide has faults, see above")
        copy_served(built, folder)


_CONFIGURATION = {
    "project": "ninaivalaigal",
    "version": __version__,
    "release": __version__,
    "copyright": "the authors of ninaivalaigal",
    "html_title": f"ninaivalaigal {__version__}",
    "root_doc": INDEX,
    "extensions": ["myst_parser"],
    "source_suffix": {".md": "markdown"},
    "myst_heading_anchors": 4,
    "myst_links_external_new_tab": False,
    "highlight_language": "text",
    "html_theme": "furo",
    "html_theme_options": {
        "light_css_variables": {"color-brand-primary": "#0b6e6e", "color-brand-content": "#0b6e6e"},
        "dark_css_variables": {"color-brand-primary": "#4fc3bd", "color-brand-content": "#4fc3bd"},
    },
    "html_static_path": ["_static"],
    "html_css_files": [_STYLE.name],
    "html_favicon": "_static/icon.svg",
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_sphinx": False,
    "html_use_index": False,
    "templates_path": [],
    "exclude_patterns": [],
    # Numbers such as 1--2 and quotes stay what the page has.
    "smartquotes": False,
}
