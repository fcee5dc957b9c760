"""The measures of the code as a whole, printed by `make house`; each file measures one thing."""
