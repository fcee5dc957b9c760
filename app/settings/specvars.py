"""The variables that SPEC-020 and OpenTelemetry define, as a layer: above the file, below NINAI__."""

from collections.abc import Mapping
from urllib.parse import unquote

from app.settings import annotations
from app.settings.errors import ConfigError, shown
from app.settings.layers import Layer, Origin, RawValue, Steps, overlay
from app.settings.tables import ORDER, PROVIDERS, first_in_order, kind_of, provider_names
from providers.factory import default_settings

# Variable -> key of the first provider of that kind in the order.
_NATIVE = {"DATABASE_URL": "dsn"}
_EMBEDDER = {"OPENAI_API_KEY": "api_key", "OPENAI_BASE_URL": "base_url", "EMBEDDING_MODEL": "model"}
_MEM0 = {"MEM0_BASE_URL": "base_url", "MEM0_API_KEY": "api_key", "MEM0_HMAC_SECRET": "hmac_secret"}

# Of OpenTelemetry's many variables only those with a setting of the same meaning.
_TRACING = {"OTEL_EXPORTER_OTLP_ENDPOINT": "endpoint", "OTEL_SERVICE_NAME": "service_name"}
_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"

# Setting -> variable, for the reference of settings; a provider has the name of its kind here.
SHORT_NAMES: Mapping[Steps, str] = {
    (ORDER[0],): "MEMORY_PROVIDER",
    ("recall_limit",): "MEMORY_RECALL_LIMIT",
    ("tracing", "headers", "NAME"): _HEADERS,
    **{("tracing", key): variable for variable, key in _TRACING.items()},
    **{(*PROVIDERS, "native", key): variable for variable, key in _NATIVE.items()},
    **{(*PROVIDERS, "native", "embedder", key): variable for variable, key in _EMBEDDER.items()},
    **{(*PROVIDERS, "mem0", key): variable for variable, key in _MEM0.items()},
}


def spec_layer(environ: Mapping[str, str], below: Layer, above: Layer) -> Layer:
    """Return what the variables set, seen together with the layers below and above; an empty variable sets nothing.

    A variable for a kind of provider that is not in use is ignored.

    Raises:
        ConfigError: MEMORY_PROVIDER names something other than providers, or a list of headers is malformed.
    """
    layer = dict(_order(environ, overlay(below, above)))
    known = overlay(below, layer, above)
    native = first_in_order(known, "native")
    if native is not None:
        layer.update(_entries(environ, _NATIVE, (*PROVIDERS, native)))
        layer.update(_embedder(environ, known, (*PROVIDERS, native, "embedder")))
    mem0 = first_in_order(known, "mem0")
    if mem0 is not None:
        layer.update(_entries(environ, _MEM0, (*PROVIDERS, mem0)))
    layer.update(_entries(environ, {"MEMORY_RECALL_LIMIT": "recall_limit"}, ()))
    layer.update(_entries(environ, _TRACING, ("tracing",)))
    layer.update(_headers(environ))
    return layer


def _entries(environ: Mapping[str, str], keys: Mapping[str, str], table: Steps) -> Layer:
    return {
        (*table, key): RawValue(environ[variable], Origin("variable", variable))
        for variable, key in keys.items()
        if environ.get(variable)
    }


def _headers(environ: Mapping[str, str]) -> Layer:
    """Parse `name=value,...`, percent-encoded as the OpenTelemetry Protocol Exporter specification says."""
    steps, origin = ("tracing", "headers"), Origin("variable", _HEADERS)
    layer: dict[Steps, RawValue] = {}
    for part in environ.get(_HEADERS, "").split(","):
        name, separator, value = part.partition("=")
        if separator and name.strip():
            layer[*steps, unquote(name.strip()).lower()] = RawValue(unquote(value.strip()), origin)
        elif part.strip():
            raise ConfigError("expected NAME=VALUE, separated by commas", steps=steps, origin=origin)
    return layer


def _embedder(environ: Mapping[str, str], known: Layer, table: Steps) -> Layer:
    """Return the settings of the embedder: a key alone chooses OpenAI, as in SPEC-020; one chosen by name stays."""
    named = known.get((*table, "kind"))
    if named is not None:
        return _entries(environ, _EMBEDDER, table) if named.raw == "openai" else {}
    if not environ.get("OPENAI_API_KEY"):
        return {}
    kind = RawValue("openai", Origin("variable", "OPENAI_API_KEY"))
    return {(*table, "kind"): kind, **_entries(environ, _EMBEDDER, table)}


def _order(environ: Mapping[str, str], known: Layer) -> Layer:
    text = environ.get("MEMORY_PROVIDER")
    if not text:
        return {}
    origin = Origin("variable", "MEMORY_PROVIDER")
    layer: dict[Steps, RawValue] = {}
    order: list[str] = []
    for word in text.split(","):
        name, kind = _resolve(word.strip(), known, origin)
        order.append(name)
        if name not in provider_names(known):
            layer[*PROVIDERS, name, "kind"] = RawValue(kind, origin)
    layer[ORDER] = RawValue(order, origin)
    return layer


def _resolve(word: str, known: Layer, origin: Origin) -> tuple[str, str]:
    """Return name and kind of the provider that a word of the specification means.

    The word is a kind. The configured provider of that kind is meant, the one of the same name first; without any, a
    new one with the kind's defaults.
    """
    try:
        kind = str(annotations.tag_of(type(default_settings(word))))
    except ValueError:
        reason = f"expected native, http, redis, opensearch, pinecone, mock or an order of them, got {shown(word)}"
        raise ConfigError(reason, steps=ORDER, origin=origin) from None
    names = provider_names(known)
    candidates = [name for name in names if kind_of(known, name) == kind]
    if candidates:
        return kind if kind in candidates else candidates[0], kind
    if kind in names:
        reason = f"no provider of kind {shown(kind)}, and the one of this name is of kind {shown(kind_of(known, kind))}"
        raise ConfigError(reason, steps=ORDER, origin=origin)
    return kind, kind
