"""Rate limits: how much each key, user and tenant may ask in a minute."""
