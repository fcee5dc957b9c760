"""The providers that the layers configure, and their order, before anything is decoded."""

from app.settings import annotations
from app.settings.layers import DEFAULT, Layer, RawValue, Steps, names_below, split_list
from providers.factory import ProviderSettings

PROVIDERS: Steps = ("providers",)
ORDER: Steps = ("order",)
DEFAULT_ORDER = ["native"]
KINDS = [str(annotations.tag_of(table)) for table in annotations.tables(ProviderSettings)]


def provider_names(layer: Layer) -> list[str]:
    """Return the names of the tables of providers."""
    return [str(name) for name in names_below(layer, PROVIDERS)]


def kind_of(layer: Layer, name: str) -> str | None:
    """Return a provider's kind from its table; a table named for a kind need not name it."""
    entry = layer.get((*PROVIDERS, name, "kind"))
    if entry is not None:
        return str(entry.raw)
    return name if name in KINDS else None


def order_in(layer: Layer) -> list[str]:
    """Return the order as far as it is readable; decoding reports the rest."""
    entry = layer.get(ORDER)
    if entry is None:
        return DEFAULT_ORDER
    try:
        names = split_list(entry.raw) if isinstance(entry.raw, str) else entry.raw
    except ValueError:
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def first_in_order(layer: Layer, kind: str) -> str | None:
    """Return the first provider of a kind among those in use."""
    return next((name for name in order_in(layer) if kind_of(layer, name) == kind), None)


def implied_tables(layer: Layer) -> Layer:
    """Return the implicit values: the kind of a table named for it, and the native provider if it is in use."""
    names = provider_names(layer)
    if "native" in order_in(layer):
        names.append("native")
    return {
        (*PROVIDERS, name, "kind"): RawValue(name, DEFAULT)
        for name in names
        if name in KINDS and (*PROVIDERS, name, "kind") not in layer
    }
