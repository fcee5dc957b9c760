"""The weights of a ranking; `providers/search/ranking.py` says what each is of."""

COSINE_WEIGHT = 0.2
WORD_COSINE_WEIGHT = 0.3
VECTORS_WEIGHT = COSINE_WEIGHT + WORD_COSINE_WEIGHT
WORDS_WEIGHT = 0.5

NEIGHBOUR_WEIGHTS = (0.2, 0.1)  # of those one step away, and of those two away
SPEAKER_WEIGHT = 0.1

# Saturation and length normalisation of BM25.
K1 = 1.2
B = 0.75
