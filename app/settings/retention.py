"""What can be configured of how long memories are kept."""

from typing import Annotated

from msgspec import Meta, Struct, field

from providers.chain.expiring.rules import MAX_RULES, RetentionRule


class RetentionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how long memories are kept, rule by rule; what several rules are about is kept for the shortest time.

    Unless they are to `apply`, rules only show what they would erase (`ninai retention plan`).
    """

    apply: bool = False
    """Whether the rules erase. Enable it once `ninai retention plan` shows what you mean to erase."""
    rules: Annotated[list[RetentionRule], Meta(max_length=MAX_RULES)] = field(default_factory=list)
    """The rules, each a table. Set it where you have promised how long memories are kept."""

    def __post_init__(self) -> None:
        """Refuse two rules of one name, and more rules than there may be."""
        if len(self.rules) > MAX_RULES:
            raise ValueError(f"rules must be at most {MAX_RULES}, got {len(self.rules)}")
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"rules must have different names, got {name} twice")

    @property
    def in_force(self) -> tuple[RetentionRule, ...]:
        """The rules that erase."""
        return tuple(self.rules) if self.apply else ()
