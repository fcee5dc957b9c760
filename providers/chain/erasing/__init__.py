"""Erasing a user from every store and the journal, with a receipt, and keeping the user erased."""
