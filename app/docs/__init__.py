"""The page that documents the API, with everything it loads served from here."""
