"""What a question asks of its answers beside the memories that may be among them."""

from msgspec import Struct

from providers.search.recency import Recency


class AnswerOptions(Struct, frozen=True, kw_only=True):
    """How answers are ordered, and what they say of that.

    `recency` and `diversity` change the order alone: what is recent comes forward, what repeats an answer before it
    goes back, in [0, 1]. With `explain` each hit says why it has its place. `alike` asks for what is like the question
    as a whole: the score is the cosine of the vectors alone, and 1 of the same text.
    """

    recency: Recency | None = None
    diversity: float = 0.0
    explain: bool = False
    alike: bool = False

    @property
    def of_ranking(self) -> bool:
        """Whether only a ranking of all memories in this process can order the answers so."""
        return self.recency is not None or self.diversity > 0


PLAIN = AnswerOptions()
