"""What happens in a chain is told to every observer."""

import inspect

import pytest

from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.observers import Observers

TOLD = sorted(name for name, member in vars(Observers).items() if inspect.isfunction(member) and name[0] != "_")


class Remembering(Unobserved):
    """Remembers everything that it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[object, ...], dict[str, object]]] = []

    def __getattribute__(self, name: str) -> object:
        """Return a function that records a call, instead of the method."""
        if name not in TOLD:
            return super().__getattribute__(name)
        return lambda *given, **named: self.told.append((name, given, named))


def test_nothing_is_left_out() -> None:
    """Whatever an observer of a chain may be told is passed on."""
    expected = {name for name in dir(ChainObserver) if name[0] != "_"}

    assert set(TOLD) == expected
    assert len(expected) > 10


@pytest.mark.parametrize("name", TOLD)
def test_everybody_is_told(name: str) -> None:
    """With what was given, once each; and who counts nothing takes it too."""
    observers = [Remembering(), Remembering()]
    parameters = list(inspect.signature(getattr(Observers, name)).parameters.values())[1:]
    given = [object() for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    named = {one.name: object() for one in parameters if one.kind is one.KEYWORD_ONLY}

    getattr(Observers(*observers, Unobserved()), name)(*given, **named)

    assert [observer.told for observer in observers] == [[(name, tuple(given), named)]] * 2
