"""What is to be said of the keys when the service starts."""

from contextlib import suppress

import structlog

from app.auth.keys import HASH_PREFIX
from app.auth.keys_file import KeysFile, KeysFileFault
from app.settings import Settings
from providers.owners import DEFAULT_TENANT

_log = structlog.get_logger("ninai")


def warn_of_keys(settings: Settings) -> None:
    """Warn of keys that are stored as those of before, and of those that are refused since tenants are not enabled."""
    if settings.auth.mode == "none":
        return
    with suppress(KeysFileFault):  # which the workers log
        keys = {**KeysFile.of(settings.auth, settings.common_dir).read(), **settings.auth.keys}
        bare = sorted(name for name, key in keys.items() if any(text.startswith(HASH_PREFIX) for text in key.hashes))
        if bare:
            _log.warning("bare_key_hashes", keys=bare, remedy="ninai keys rotate")
        refused = sorted(name for name, key in keys.items() if key.tenant != DEFAULT_TENANT)
        if refused and not settings.tenants.enabled:
            _log.warning("keys_of_tenants_refused", keys=refused, remedy="tenants.enabled = true")
