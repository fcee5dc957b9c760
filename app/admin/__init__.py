"""The services of the operator: the chain, its journal and its order, for the admin API and the console."""
