"""The locks name every extra that an installed package asks for, which is what the stock pip of Python 3.11 wants."""

import json
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_every_extra_that_a_locked_package_asks_for_is_locked(lock: str) -> None:
    """Pip 23 looks for an extra that is not locked apart from its package, and finds the newest, without a hash."""
    locked = dict(_locked(_ROOT / lock))

    asked = {
        f"{needed.name}[{extra}] for {name}"
        for name, extras in locked.items()
        for needed in _needed(name, extras)
        for extra in needed.extras - locked.get(canonicalize_name(needed.name), set())
    }

    assert asked == set()


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_that_a_locked_package_needs_is_locked(lock: str) -> None:
    """What is missing in a lock with hashes cannot be installed at all."""
    locked = dict(_locked(_ROOT / lock))

    missing = {
        f"{needed.name} for {name}"
        for name, extras in locked.items()
        for needed in _needed(name, extras)
        if canonicalize_name(needed.name) not in locked
    }

    assert missing == set()


def test_the_locks_keep_extras() -> None:
    """Where no lock had any, the two tests above would have nothing to compare."""
    assert dict(_locked(_ROOT / "requirements-dev.txt"))["coverage"] == {"toml"}


@pytest.mark.parametrize("folder", ["tests/clients/typescript", "app/client/typescript"])
def test_the_locks_for_npm_have_hashes_and_no_address(folder: str) -> None:
    """Npm writes the address of every package into its lock unless it is told not to."""
    text = (_ROOT / folder / "package-lock.json").read_text("utf-8")
    packages: dict[str, dict[str, object]] = json.loads(text)["packages"]

    assert len(packages) > 3
    assert all("integrity" in package for name, package in packages.items() if name)
    assert not any(str(value).startswith("http") for package in packages.values() for value in package.values())


def _locked(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield the name and the extras of each package that is locked for this platform and this Python."""
    for line in path.read_text("utf-8").splitlines():
        if line[:1].isalnum():
            locked = Requirement(line.removesuffix("\\").strip())
            if locked.marker is None or locked.marker.evaluate():
                yield canonicalize_name(locked.name), locked.extras


def _needed(name: str, extras: set[str]) -> Iterator[Requirement]:
    """Yield what an installed package needs here with these extras."""
    for line in requires(name) or ():
        needed = Requirement(line)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield needed
