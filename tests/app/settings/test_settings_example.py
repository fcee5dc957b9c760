"""deploy/ninai.toml is a configuration that works."""

import re
from pathlib import Path

from app.settings import Settings, load

EXAMPLE = Path(__file__).parents[3] / "deploy" / "ninai.toml"


def test_the_example_is_the_default() -> None:
    """What stands there uncommented changes nothing."""
    assert load(EXAMPLE, {}).settings == Settings()


def test_the_example_has_every_setting(tmp_path: Path) -> None:
    """With its settings uncommented the example is valid, and leaves no setting out."""
    everything = tmp_path / "ninai.toml"
    text = re.sub(r"^#(?=\S)", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    # By default a single provider has no journal, which webhooks need.
    journal = '[journal]\nkind = "sqlite"\npath = "/srv/journal.sqlite3"'
    everything.write_text(text.replace('[journal]\nkind = "auto"', journal))

    loaded = load(everything, {})

    assert [path for path, origin in loaded.origins.items() if origin.kind != "file"] == []
    assert set(loaded.settings.providers) == {"native", "mem0", "redis", "opensearch", "pinecone", "mock"}
