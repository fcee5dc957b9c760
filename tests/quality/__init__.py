"""The quality of recall, measured on conversations with questions whose answers are known: `make quality`."""
