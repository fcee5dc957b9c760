"""Tokens of issuers (JWT, as of OpenID Connect): the issuers' keys, the verification, and what a token grants."""
