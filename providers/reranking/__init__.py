"""Reranking: the best answers of a recall are put in order once more, by a model that reads them with the question."""
