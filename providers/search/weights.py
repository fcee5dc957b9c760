"""The weights of a ranking; `providers/search/ranking.py` says what each is of."""

VECTORS_WEIGHT = 0.5  # of the score, by default; the rest is the words'
COSINE_SHARE = 0.4  # of the vectors' weight, where the words of a question have vectors, too
WORD_COSINE_SHARE = 0.6

NEIGHBOUR_WEIGHTS = (0.2, 0.1)  # of those one step away, and of those two away
SPEAKER_WEIGHT = 0.1

# Saturation and length normalisation of BM25.
K1 = 1.2
B = 0.75
