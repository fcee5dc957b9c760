"""What is wrong with an issuer's keys; known without the library that reads them."""


class KeySetFault(Exception):
    """Signal that an issuer's keys cannot be used, with the reason, which quotes none of them."""
