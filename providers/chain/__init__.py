"""Several providers behind one: a journal first, then home, with the standbys kept in sync in the background."""
