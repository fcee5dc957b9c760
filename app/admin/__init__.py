"""What an operator asks of the chain and its journal."""
