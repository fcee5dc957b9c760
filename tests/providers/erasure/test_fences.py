"""Fences: who was erased, and up to which version."""

import pytest

from providers.erasure.fences import KEY_BYTES, NEVER_ERASED, Fence, FenceList, hash_of
from providers.errors import OwnerErased
from providers.owners import Owner

ERASED, OTHER = Owner("erased"), Owner("other")
_KEY = "00" * KEY_BYTES


def fences(version: int) -> FenceList:
    """A list with one fence."""
    found = FenceList()
    found.add([Fence(key=_KEY, hash=hash_of(_KEY, ERASED.key), version=version, erased_at=0.0)])
    return found


@pytest.mark.parametrize("version", [0, 7])
def test_a_fence_stops_what_is_not_above_it(version: int) -> None:
    """The version of the erasure itself included, and nothing of anybody else, however old."""
    known = fences(version)

    with pytest.raises(OwnerErased):
        known.check(ERASED, version)
    known.check(ERASED, version + 1)
    known.check(OTHER, 0)
    assert (known.version_of(ERASED), known.version_of(OTHER)) == (version, NEVER_ERASED)
