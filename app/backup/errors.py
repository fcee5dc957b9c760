"""Why a backup cannot be made, verified or restored; each message is one line with what to do about it."""


class BackupError(Exception):
    """The base of what goes wrong with backups."""


class BackupDamaged(BackupError):
    """A backup lacks something, or something in it is not as it was."""
