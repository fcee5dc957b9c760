"""Usage: what keys, users and tenants have asked, and what they hold."""
