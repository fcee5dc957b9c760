"""The folder that the workers of a service share: each service has its own, and none is left for ever."""

from pathlib import Path

from app.process.workers_folder import workers_folder


def folders(data_dir: Path) -> set[Path]:
    """Those that are there."""
    return {path for path in (data_dir / "workers").iterdir() if path.is_dir()}


def test_a_folder_ends_with_its_service(tmp_path: Path) -> None:
    """With everything in it, and it is its owner's alone."""
    with workers_folder(tmp_path) as folder:
        (folder / "file").touch()
        assert folders(tmp_path) == {folder}
        assert folder.stat().st_mode & 0o077 == 0

    assert folders(tmp_path) == set()


def test_services_keep_apart(tmp_path: Path) -> None:
    """Two that share a data folder do not share this one."""
    with workers_folder(tmp_path) as one, workers_folder(tmp_path) as other:
        assert folders(tmp_path) == {one, other}


def test_what_a_killed_service_has_left_is_cleared_away(tmp_path: Path) -> None:
    """By the next one that starts; its lock went with it."""
    left = tmp_path / "workers" / "left"
    left.mkdir(parents=True)
    (left / "in-use").touch()
    (left / "1-a.figures").touch()

    with workers_folder(tmp_path) as folder:
        assert folders(tmp_path) == {folder}
