"""The recall index: the memories of the owners who ask, in memory, brought up to date on every recall."""
