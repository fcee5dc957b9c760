"""Several providers that answer as one: who is asked, how often, and for how long."""
