"""Quarantine: hiding what a key wrote, in force in every process and across restarts."""
