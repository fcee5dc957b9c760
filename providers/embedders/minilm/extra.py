"""Whether the extra `minilm` is installed."""

from importlib.util import find_spec

from providers.embedders.minilm.files import TOKENIZER, WEIGHTS


def installed() -> bool:
    """Return whether the encoder can run here."""
    return all(find_spec(package) for package in ("onnxruntime", "tokenizers", WEIGHTS.package, TOKENIZER.package))
