"""What was last seen of a store, so that whatever was kept of its former state is forgotten when it is another one."""

from collections.abc import Callable

from msgspec.structs import replace

from providers.introduction import Introduction, StoreMark


class Acquaintance:
    """Compare each introduction with the one before; `forget` is called when the store is not what it was.

    That is another identity, another lineage or another epoch. A store without a mark that gets its first one is
    still what it was.
    """

    def __init__(self, forget: Callable[[], None]) -> None:
        self._forget = forget
        self._known: Introduction | None = None

    def meet(self, introduction: Introduction) -> None:
        """Learn what the store tells about itself now."""
        before, self._known = self._known, introduction
        if before is not None and _differ(before, introduction):
            self._forget()

    def marked(self, mark: StoreMark) -> None:
        """Learn which mark was left in the store."""
        if self._known is not None:
            self.meet(replace(self._known, mark=mark))


def _differ(before: Introduction, now: Introduction) -> bool:
    another_lineage = None not in {before.lineage, now.lineage} and before.lineage != now.lineage
    another_epoch = before.mark is not None and (now.mark is None or now.mark.epoch != before.mark.epoch)
    return before.identity != now.identity or another_lineage or another_epoch
