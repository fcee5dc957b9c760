"""NoJournal: there is none to be opened."""


class NoJournal(Exception):
    """There is no journal, and this is why."""
