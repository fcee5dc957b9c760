"""The steps by which the tables of a journal came to their present form, and the verdict on tables of another form.

Tables say two things of themselves. Their *form* is what a program must know to use them at all: every program, the
former ones too, refuses a form that it does not know. Their *step* counts the changes that were made to them. A step is
an addition, beside which a program that does not know it goes on as before, so that the hosts of one journal can be
updated one by one; a step that such a program could not go on with raises the form. A program takes the steps that the
tables lack when it opens them, and leaves those alone that it does not know.
"""

from collections.abc import Sequence

from msgspec import Struct


class SchemaStep(Struct, frozen=True, kw_only=True):
    """One change of the tables.

    Programs that do not know the step refuse the tables afterwards if it names a new `form`. `shown_by` is a query for
    whether tables that do not count their steps have it: one that is younger than the count needs none.
    """

    title: str
    statements: tuple[str, ...]
    shown_by: str | None = None
    form: int | None = None


class Forms(Struct, frozen=True):
    """The forms that a program can use."""

    oldest: int
    newest: int

    def refusal(self, found: int) -> str | None:
        """Return why tables of a form are not used, and who must be updated; None if they are."""
        if found > self.newest:
            return (
                f"its tables are of form {found}, made by a newer version of this program, which knows forms up to"
                f" {self.newest}: update this program"
            )
        if found < self.oldest:
            return (
                f"its tables are of form {found}, and this program takes over those from {self.oldest} on: open it once"
                " with a version in between"
            )
        return None


def counted(shown: Sequence[bool]) -> int:
    """Return the number of steps that tables without a count have; `shown` says of each whether it can be seen."""
    return next((number for number, seen in enumerate(shown) if not seen), len(shown))
