"""The doctor: what is wrong with a configuration and with what it leads to, found out without changing anything."""
