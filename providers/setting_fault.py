"""SettingFault: what a kind finds wrong with its own settings."""


class SettingFault(Exception):
    """A setting that cannot be used; `steps` lead to it from the table of its kind."""

    def __init__(self, steps: tuple[str | int, ...], reason: str) -> None:
        super().__init__(reason)
        self.steps = steps
        self.reason = reason
