"""Spare: what an index keeps beside its memories for the next answers, and can make again."""

from providers.search.field_table import FieldTable
from providers.search.kept_rankings import KeptRankings
from providers.search.kept_records import KeptRecords


class Spare:
    """The answers' records, the rankings and the fields that were asked for last."""

    def __init__(self) -> None:
        self.records = KeptRecords()
        self.rankings = KeptRankings()
        self.fields = FieldTable()

    @property
    def nbytes(self) -> int:
        """About the bytes of all of it."""
        return self.records.nbytes + self.rankings.nbytes + self.fields.nbytes

    def forget(self) -> None:
        """Forget everything."""
        self.records.forget()
        self.rankings.forget()
        self.fields.forget()
