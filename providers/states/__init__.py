"""States of a memory: pure functions from one state to the next, and the clock that orders them."""
