"""The doctor: it diagnoses a configuration and everything that the service uses, without changing anything."""
