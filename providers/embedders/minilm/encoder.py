"""From texts to tokens to vectors, in whatever thread it is called."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from providers.embedders.base import MISCONFIGURED, REJECTED, EmbedderUnavailable, Matrix
from providers.embedders.minilm.files import INSTALL, MISSING, TOKENIZER, WEIGHTS

DIMENSIONS = 384

# What the model was tuned with, the two at the ends included: `max_seq_length` in its `sentence_bert_config.json`.
MOST_TOKENS = 256

# Tokens of one run, with what is filled up: about 0.1 s of one core, after which another call has its turn.
TOKENS_PER_RUN = 512

Tokens = NDArray[np.int64]
_Inputs = dict[str, Tokens]


class Encoder:
    """The mean of a text's token vectors, of unit length, as the model's authors compute it: float32[384].

    What is beyond the first 256 tokens, about 1,000 characters of English, is left out.
    """

    def __init__(self, tokenize: Callable[[str], list[int]], run: Callable[[_Inputs], Matrix]) -> None:
        self._tokenize, self._run = tokenize, run

    @classmethod
    def load(cls, threads: int) -> "Encoder":
        """Read the model from the installed packages: about a second, no network.

        Raises:
            EmbedderUnavailable: something is not installed, or is not what is expected.
        """
        weights, tokenizer = WEIGHTS.read(), TOKENIZER.read()
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise EmbedderUnavailable(MISSING, outcome=MISCONFIGURED, advice=INSTALL) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # which would keep the memory of the largest run for ever
        options.log_severity_level = 3  # errors
        # What was hashed is what is loaded, whatever becomes of the file meanwhile.
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        words = Tokenizer.from_buffer(tokenizer)
        words.no_padding()
        words.enable_truncation(MOST_TOKENS)

        def tokenize(text: str) -> list[int]:
            # One text at a time, because several go through a thread pool, which would take all cores.
            tokens: list[int] = words.encode_batch_fast([text])[0].ids
            return tokens

        def run(inputs: _Inputs) -> Matrix:
            return np.asarray(session.run(None, dict[str, Any](inputs))[0], np.float32)

        return cls(tokenize, run)

    def tokens_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, 256 at most.

        Raises:
            EmbedderUnavailable: a text is not Unicode; the outcome is `rejected`.
        """
        try:
            return [self._tokenize(text) for text in texts]
        except TypeError as error:  # how the tokenizer refuses a string that cannot be written as UTF-8
            raise EmbedderUnavailable("a text is not valid Unicode", outcome=REJECTED) from error

    def vectors_of(self, tokens: Sequence[Sequence[int]]) -> Matrix:
        """Return float32[n, 384] in one run; shorter ones are filled up, which does not change their vectors."""
        lengths = [len(one) for one in tokens]
        ids = np.zeros((len(tokens), max(lengths)), np.int64)
        for row, one in zip(ids, tokens, strict=True):
            row[: len(one)] = one
        mask = (np.arange(ids.shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        summed = np.einsum("nte,nt->ne", self._run(inputs), mask.astype(np.float32))
        vectors: Matrix = summed / np.linalg.norm(summed, axis=1, keepdims=True)
        return vectors


def runs_of(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of texts for one run after another, of about as many tokens each, by their lengths in tokens."""
    taken: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if taken and lengths[place] * (len(taken) + 1) > TOKENS_PER_RUN:
            yield taken
            taken = []
        taken.append(place)
    if taken:
        yield taken
