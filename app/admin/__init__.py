"""The services behind the admin API: an operator's view of the chain and its journal."""
