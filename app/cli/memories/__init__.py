"""The commands for people who keep memories of their own: remember, recall, list, forget."""
