"""Where data lies when nobody says so."""

from pathlib import Path

import platformdirs
import pytest

from app.settings.datadir import default_data_dir


@pytest.mark.parametrize("euid", [0, 1000])
def test_xdg_data_home_decides(euid: int) -> None:
    """XDG_DATA_HOME holds for everybody."""
    assert default_data_dir({"XDG_DATA_HOME": "/xdg"}, euid=euid) == Path("/xdg/ninaivalaigal")


@pytest.mark.parametrize("environ", [{}, {"XDG_DATA_HOME": ""}, {"XDG_DATA_HOME": "relative"}])
def test_root_keeps_data_where_others_can_reach_it(environ: dict[str, str]) -> None:
    """An unset, empty or relative XDG_DATA_HOME counts as unset."""
    assert default_data_dir(environ, euid=0) == Path("/var/lib/ninaivalaigal")


def test_a_user_keeps_data_at_home() -> None:
    """Everybody else has the folder of the platform."""
    assert default_data_dir({}, euid=1000) == platformdirs.user_data_path("ninaivalaigal")
