"""What every test of the settings may ask for."""

from pathlib import Path

import pytest

from tests.app.settings.configuration import Configuration


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """Work in an empty folder, so that errors name the file by a known name."""
    monkeypatch.chdir(tmp_path)
    return Configuration()
