"""The checks of the settings together, beyond what each value's type requires."""

import os
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from ipaddress import ip_network

from app.auth.tokens.extra import installed as can_verify
from app.settings.auth import KEYS_FILE, AuthSettings
from app.settings.errors import ConfigError, quoted, shown, suggestion
from app.settings.key_faults import key_fault
from app.settings.layers import DEFAULT, Origin, Steps, dotted
from app.settings.loopback import is_loopback
from app.settings.model import MAX_SOCKET_BYTES, RESERVED_PROVIDER_NAMES, Settings
from app.settings.webhooks import MAX_WEBHOOKS
from observability.otlp import installed
from observability.secret import Secret
from providers.chain.policy import AttemptPolicy, OperationClass
from providers.errors import InvalidInput
from providers.kind import Usage
from providers.limits import check_user_id
from providers.redis.settings import RedisSettings

MIN_SECRET_CHARS = 32
# All deliveries, with their retries, have ended after so many times the longest request.
LEAST_KEEP_FACTOR = 10

Origins = Mapping[str, Origin]
_Fault = tuple[Steps, str]
_Check = Callable[[Settings], Iterator[_Fault]]


def check(settings: Settings, origins: Origins) -> None:
    """Refuse settings that contradict each other; raise `ConfigError` for the first contradiction found."""
    for find in (*_OF_PROVIDERS, *_OF_SERVICE):
        for steps, reason in find(settings):
            raise ConfigError(reason, steps=steps, origin=_origin(origins, dotted(steps)))


def _origin(origins: Origins, path: str) -> Origin:
    """Return where a value came from, or the first value of a table."""
    below = (origin for name, origin in origins.items() if name.startswith(f"{path}.") and origin != DEFAULT)
    return origins.get(path) or next(below, DEFAULT)


def _order(settings: Settings) -> Iterator[_Fault]:
    order = settings.order
    if not order:
        yield ("order",), "expected at least one provider, got []"
    for index, name in enumerate(order):
        if name not in settings.providers:
            yield ("order",), _not_configured(name, settings)
        if name in order[:index]:
            yield ("order",), f"{quoted([name])} is named twice"


def _names(settings: Settings) -> Iterator[_Fault]:
    for name in settings.providers:
        if name in RESERVED_PROVIDER_NAMES:
            yield ("providers", name), f"the admin API has another use for {quoted([name])}, choose another name"


def _kinds(settings: Settings) -> Iterator[_Fault]:
    """Yield the faults that each kind of provider finds in its own settings."""
    journal, data_dir, order = settings.journal, settings.data_dir, settings.order
    journalled = journal.always(data_dir) or (len(order) > 1 and journal.serves_several)
    begun = journal.begun(data_dir)
    for name, provider in settings.providers.items():
        used = Usage(name=name, in_use=name in order, alone=len(order) == 1, journalled=journalled, begun=begun)
        for fault in provider.faults(used):
            yield ("providers", name, *fault.steps), fault.reason


def _journal(settings: Settings) -> Iterator[_Fault]:
    if len(settings.order) > 1 and not settings.journal.serves_several:
        reason = '"none" is for a single provider: what several are to agree on must be kept somewhere'
        yield ("journal", "kind"), reason
    for name in settings.chain.attempts:
        if name not in settings.providers:
            yield ("chain", "attempts", name), _not_configured(name, settings)


def _retention(settings: Settings) -> Iterator[_Fault]:
    """Require that deletions are remembered for longer than any write is under way, which would undo one."""
    keep, longest = settings.chain.retention.keep, settings.chain.longest_request
    if keep < LEAST_KEEP_FACTOR * longest:
        reason = f"{keep:g} s must be at least {LEAST_KEEP_FACTOR} times chain.longest_request, which is {longest:g} s"
        yield ("chain", "retention", "keep"), reason


def _deadlines(settings: Settings) -> Iterator[_Fault]:
    longest = settings.chain.longest_request
    for name, attempts in settings.chain.attempts.items():
        for operation in OperationClass:
            deadline = attempts.of(operation).deadline
            if deadline > longest and deadline != AttemptPolicy().of(operation).deadline:
                steps = ("chain", "attempts", name, operation.value, "deadline")
                yield steps, f"{deadline:g} s must not be longer than chain.longest_request, which is {longest:g} s"


def _twins(settings: Settings) -> Iterator[_Fault]:
    """Refuse two names for one database: each would take the other's copy for its own."""
    seen: dict[str, str] = {}
    for name in settings.order:
        provider = settings.providers.get(name)
        address = None if provider is None else provider.store_address
        if address is not None:
            if address in seen:
                yield ("order",), f"{quoted([seen[address]])} and {quoted([name])} are one database"
            seen[address] = name


def _reach(settings: Settings) -> Iterator[_Fault]:
    hosts = {"server": settings.server.host}
    if settings.admin.port is not None:
        hosts["admin"] = settings.admin.host
    for table, host in hosts.items():
        if settings.auth.mode == "none" and not is_loopback(host):
            reason = f'{shown(host)} can be reached from other machines, but auth.mode is "none"'
            yield (table, "host"), f'{reason}: set auth.mode = "api_key", or {table}.host = "127.0.0.1"'


def _ports(settings: Settings) -> Iterator[_Fault]:
    if settings.admin.port == settings.server.port:
        yield ("admin", "port"), f"{settings.admin.port} is server.port; without admin.port that serves the admin API"


def _secrets(settings: Settings) -> Iterator[_Fault]:
    secrets: dict[Steps, Secret | None] = {
        ("admin", "session_secret"): settings.admin.session_secret,
        ("auth", "pepper"): settings.auth.pepper,
    }
    for name, context in settings.auth.context.items():
        secrets["auth", "context", name, "secret"] = context.secret
        secrets["auth", "context", name, "former_secret"] = context.former_secret
    for steps, secret in secrets.items():
        if secret is not None and len(secret.reveal()) < MIN_SECRET_CHARS:
            yield steps, f"expected at least {MIN_SECRET_CHARS} characters, by chance"


def _proxies(settings: Settings) -> Iterator[_Fault]:
    if settings.server.cross_origins and settings.auth.mode == "none":
        yield ("server", "cross_origins"), 'auth.mode = "none" serves everybody: configure keys before pages may call'
    for network in settings.server.trusted_proxies:
        try:
            ip_network(network)
        except ValueError:
            yield ("server", "trusted_proxies"), f"expected addresses or networks like 10.0.0.0/8, got {shown(network)}"


def _socket(settings: Settings) -> Iterator[_Fault]:
    server = settings.server
    if server.socket is None:
        return
    if (size := len(os.fsencode(server.socket))) > MAX_SOCKET_BYTES:
        yield ("server", "socket"), f"expected a path of at most {MAX_SOCKET_BYTES} bytes, got {size}"
    if server.workers != 1:
        yield ("server", "socket"), f"one process alone can listen there, and server.workers is {server.workers}"


def _extraction(settings: Settings) -> Iterator[_Fault]:
    """Require what a model needs to be asked, and that no request ends while it waits for the facts."""
    extraction, longest = settings.extraction, settings.chain.longest_request
    if extraction.model is None:
        for name in ("base_url", "api_key"):
            if getattr(extraction, name) is not None:
                yield ("extraction", name), "nothing is extracted without a model: set extraction.model"
        return
    if extraction.base_url is None and not extraction.api_key:
        yield ("extraction", "model"), "set extraction.api_key, or extraction.base_url for a server that needs no key"
    if find_spec("openai") is None:
        yield ("extraction", "model"), "models cannot be asked: pip install 'ninaivalaigal[openai]'"
    if extraction.wait >= longest:
        reason = f"must be less than chain.longest_request, which is {longest:g} s"
        yield ("extraction", "wait"), f"{extraction.wait:g} s {reason}"


def _limits(settings: Settings) -> Iterator[_Fault]:
    """Require that a Redis in which limits are counted can be spoken to."""
    if settings.limits.store is not None:
        redis = RedisSettings(url=settings.limits.store)
        for fault in redis.faults(Usage(name="limits", in_use=True, alone=True, journalled=False, begun=None)):
            yield ("limits", "store"), fault.reason


def _quotas(settings: Settings) -> Iterator[_Fault]:
    """Refuse names of users in quotas that no user can have."""
    for label in settings.quotas.users:
        try:
            check_user_id(label.partition("/")[2] or label)
        except InvalidInput as error:
            yield ("quotas", "users", label), error.reason


def _keys(settings: Settings) -> Iterator[_Fault]:
    path = settings.auth.keys_path or settings.common_dir / KEYS_FILE
    if settings.auth.mode == "api_key" and not _callers_configured(settings.auth) and not path.exists():
        reason = '"api_key" needs at least one key, make one with `ninai keys new NAME`'
        yield ("auth", "mode"), f"{reason}; there is no {path}"


def _callers_configured(auth: AuthSettings) -> bool:
    return bool(auth.keys or auth.jwt or auth.context)


def _contexts(settings: Settings) -> Iterator[_Fault]:
    """Require a journal where signatures count once, and that no two signers can be taken for each other."""
    journalled = _journalled(settings)
    seen: dict[Secret, str] = {}
    for name, context in settings.auth.context.items():
        if context.version == 2 and not journalled:  # noqa: PLR2004 - the version
            reason = 'version 2 needs a journal, in which what was used is noted: set journal.kind = "sqlite"'
            yield ("auth", "context", name), f'{reason}, or "postgres" for several hosts'
        for secret in context.secrets:
            if secret in seen:
                yield ("auth", "context", name, "secret"), f"the same as that of auth.context.{seen[secret]}"
            seen[secret] = name


def _webhooks(settings: Settings) -> Iterator[_Fault]:
    """Require a journal, which tells webhooks what changed."""
    if settings.webhooks and not _journalled(settings):
        reason = 'webhooks need a journal, which tells what changed: set journal.kind = "sqlite"'
        yield ("webhooks",), f'{reason}, or "postgres" for several hosts'
    if len(settings.webhooks) > MAX_WEBHOOKS:
        yield ("webhooks",), f"expected at most {MAX_WEBHOOKS}, got {len(settings.webhooks)}"
    for name, webhook in settings.webhooks.items():
        try:
            check_user_id("anybody" if webhook.user is None else webhook.user)
        except InvalidInput as error:
            yield ("webhooks", name, "user"), error.reason


def _journalled(settings: Settings) -> bool:
    return len(settings.order) > 1 or settings.journal.always(settings.data_dir)


def _tokens(settings: Settings) -> Iterator[_Fault]:
    """Require that each token has one issuer at most, and that it can be verified."""
    if settings.auth.mode == "jwt" and not settings.auth.jwt:
        yield ("auth", "mode"), '"jwt" needs at least one issuer, as a table auth.jwt.NAME'
    if settings.auth.mode != "none" and settings.auth.jwt and not can_verify():
        yield ("auth", "jwt"), "tokens cannot be verified: pip install 'ninaivalaigal[jwt]'"
    seen: dict[str, str] = {}
    for name, issuer in settings.auth.jwt.items():
        if issuer.issuer in seen:
            reason = f"the same issuer as {dotted(('auth', 'jwt', seen[issuer.issuer]))}"
            yield ("auth", "jwt", name, "issuer"), reason
        seen[issuer.issuer] = name


def _hashes(settings: Settings) -> Iterator[_Fault]:
    """Refuse one key under two names: it would speak for the last of them."""
    seen: dict[str, str] = {}
    for name, key in settings.auth.keys.items():
        for text in set(key.hashes):
            if text in seen:
                yield ("auth", "keys", name, "hash"), f"the same key as {dotted(('auth', 'keys', seen[text]))}"
            seen[text] = name


def _users(settings: Settings) -> Iterator[_Fault]:
    try:
        check_user_id(settings.auth.default_user)
    except InvalidInput as error:
        yield ("auth", "default_user"), f"{error.reason}, got {shown(settings.auth.default_user)}"
    for name, key in settings.auth.keys.items():
        if (fault := key_fault(key)) is not None:
            yield ("auth", "keys", name, fault[0]), fault[1]


def _tracing(settings: Settings) -> Iterator[_Fault]:
    if settings.tracing.endpoint is not None and not installed():
        yield ("tracing", "endpoint"), "tracing is not installed: pip install 'ninaivalaigal[tracing]'"
    for name, value in settings.tracing.headers.items():
        text = value.reveal()
        if not text or not text.isascii() or not text.isprintable():
            yield ("tracing", "headers", name), "expected printable ASCII, as a header can carry"


def _not_configured(name: str, settings: Settings) -> str:
    return f"{quoted([name])} is not configured, {suggestion(name, settings.providers)}"


_OF_PROVIDERS: tuple[_Check, ...] = (_names, _order, _kinds, _journal, _retention, _deadlines, _twins)
_OF_CALLERS: tuple[_Check, ...] = (_keys, _contexts, _tokens, _hashes, _users)
_OF_LIMITS: tuple[_Check, ...] = (_limits, _quotas)
_OF_SERVICE: tuple[_Check, ...] = (
    _reach,
    _ports,
    _secrets,
    _socket,
    _proxies,
    *_OF_CALLERS,
    _tracing,
    _extraction,
    *_OF_LIMITS,
    _webhooks,
)
