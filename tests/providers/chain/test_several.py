"""Several questions, some at a time."""

from providers.chain.several import each
from providers.errors import ProviderError
from tests.providers.chain.scene import DOWN


async def test_errors_of_many_are_values() -> None:
    """Each item has its answer, None has none."""

    async def answer(item: str) -> str:
        if item == "bad":
            raise DOWN
        return item.upper()

    answers: list[str | ProviderError | None] = await each(["good", None, "bad"], answer, 1)

    assert answers == ["GOOD", None, DOWN]
