"""What tests build in place of the product."""

from pathlib import Path

from tests.house import rigs, stand_ins
from tests.house.made_up import tree_of

_BASE = """
    from typing import Protocol
    class MemoryProvider(Protocol): ...
"""
_STORE = """
    from providers.base import MemoryProvider
    class MockMemoryProvider(MemoryProvider): ...
"""


def test_whatever_constructs_a_chain_is_a_rig(tmp_path: Path) -> None:
    """A class, a function or a coroutine, by any way of writing the call; each once."""
    source = """
    class Scene:
        def __init__(self):
            self.chain = ChainedProvider(1)
            self.other = chain.Chain(2)
    async def chained():
        return Chain()
    def test_alone():
        def act():
            Chain()
    """
    tree = tree_of(tmp_path, {"tests/a.py": source})

    assert rigs.makers(tree) == ["tests/a.py: Scene", "tests/a.py: chained", "tests/a.py: test_alone"]
    assert [row.value for row in rigs.rows(tree)] == [2, 1]


def test_what_only_speaks_of_a_chain_is_no_rig(tmp_path: Path) -> None:
    """Nor is the product itself."""
    source = """
    def used(chain: Chain) -> None:
        chain.close()
        other.ChainPolicy()
        Chain.method()
    """

    assert rigs.makers(tree_of(tmp_path, {"tests/a.py": source, "app/chain.py": "def f():\n    Chain()\n"})) == []


def test_whatever_inherits_from_a_provider_stands_in(tmp_path: Path) -> None:
    """From its protocol, from one of the product's, or from another stand-in of another file."""
    files = {
        "providers/base.py": _BASE,
        "providers/store.py": _STORE,
        "tests/a.py": "from providers.base import MemoryProvider as Base\nclass Fallback(Base): ...\n",
        "tests/b.py": "from providers import store\nclass Flaky(store.MockMemoryProvider): ...\n",
        "tests/c.py": "from tests.b import Flaky\nclass Flakier(Flaky): ...\n",
        "tests/test_d.py": "from tests.b import Flaky\ndef test_it():\n    class Local(Flaky): ...\n",
    }
    tree = tree_of(tmp_path, files)

    assert stand_ins.stand_ins(tree) == [
        "tests/a.py: Fallback",
        "tests/b.py: Flaky",
        "tests/c.py: Flakier",
        "tests/test_d.py: Local",
    ]
    assert [row.value for row in stand_ins.rows(tree)] == [3, 1]


def test_a_wrapper_stands_in_for_nothing(tmp_path: Path) -> None:
    """Whatever else it inherits from: every call of it is made with another provider."""
    files = {
        "providers/base.py": _BASE,
        "providers/wrapper.py": """
            from providers.base import MemoryProvider
            class Wrapper(MemoryProvider): ...
        """,
        "tests/a.py": """
            from providers.base import MemoryProvider
            from providers.wrapper import Wrapper
            class Faulty(Wrapper, MemoryProvider): ...
            class Faultier(Faulty): ...
            class Store(MemoryProvider): ...
        """,
        "tests/b.py": "class Wrapper: ...\n",
    }

    assert stand_ins.stand_ins(tree_of(tmp_path, files)) == ["tests/a.py: Store"]


def test_what_has_the_five_methods_stands_in(tmp_path: Path) -> None:
    """From wherever it inherits; four of them are not enough."""
    four = "".join(f"    async def {name}(self): ...\n" for name in ("remember", "recall", "delete", "list_memories"))
    whole = f"class Stranger:\n{four}    def health_check(self): ...\n"
    tree = tree_of(tmp_path, {"tests/a.py": f"{whole}class Client:\n{four}"})

    assert stand_ins.stand_ins(tree) == ["tests/a.py: Stranger"]


def test_a_protocol_and_a_class_that_only_has_a_providers_name_stand_in_for_nothing(tmp_path: Path) -> None:
    """A name means what its own file says."""
    files = {
        "providers/base.py": _BASE,
        "providers/store.py": _STORE,
        "tests/a.py": "class MockMemoryProvider: ...\nclass Other(MockMemoryProvider): ...\nclass Replica: ...\n",
        "tests/b.py": (
            "from typing import Protocol\nfrom providers.base import MemoryProvider\n"
            "class Checked(MemoryProvider, Protocol): ...\n"
        ),
    }

    assert stand_ins.stand_ins(tree_of(tmp_path, files)) == []
