"""Other people's protocols, over the same provider that the API's own controllers use."""
