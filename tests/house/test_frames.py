"""How deep a request goes in the running application."""

from tests.house import frames
from tests.house.__main__ import ROOT


async def test_every_operation_is_followed_from_its_handler_to_the_provider() -> None:
    """Alone and in a chain."""
    rows = await frames.rows(ROOT, stacks=True)

    assert len(rows) == 2 * len(frames.OPERATIONS)
    for row in rows:
        assert row.meets_aim, row.places
        assert row.value == len(row.places) - 1
        assert row.places[0].startswith("app/controllers/")
        assert row.places[-1].startswith(("providers/memory/provider.py", "providers/store.py"))
