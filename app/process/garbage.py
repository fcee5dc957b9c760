"""The search for garbage: objects that refer to each other, and that nobody else refers to any more."""

import gc

# Objects that there are more than at the last search, at which the next one begins. With the interpreter's own 700 the
# recalls of 8 clients begin 20 a second; almost all objects are in use then, and freed without a search.
MORE_OBJECTS = 5_000


def search_rarely() -> None:
    """Search among what comes from now on, and less often.

    What there is stays: a search in all of it would hold up every request for 100 ms, again and again.
    """
    gc.freeze()
    gc.set_threshold(MORE_OBJECTS, *gc.get_threshold()[1:])
