"""Users with a few memories that have nothing to do with each other: how often the answer is the first one."""

import random
from datetime import timedelta

import numpy as np

from providers.embedders.base import Embedder
from providers.search.entries import Entry
from providers.search.questions import Ordering
from providers.search.ranking import rank
from providers.search.user_index import UserIndex
from tests.quality.measuring import Values, shares_a_word
from tests.quality.methods import asked
from tests.quality.questions_and_answers import Conversation

MEMORIES = 6
_DRAWS = 4  # for each question
_APART = timedelta(seconds=1)


async def first_of_few(conversation: Conversation, embedder: Embedder) -> Values:
    """Ask the questions that share a word with their answer; return 1 for each whose answer comes first, 0 otherwise.

    Each is asked of a user who has one of the answers and other memories of the conversation, stored at once in a
    random order, without sessions and speakers.
    """
    draw = random.Random(conversation.name)  # noqa: S311 - which memories are drawn is to be the same each time
    vectors = await embedder.embed([line.text for line in conversation.lines])
    texts = {line.id: (line.text, vector) for line, vector in zip(conversation.lines, vectors, strict=True)}
    first = []
    for one in conversation.questions:
        if not shares_a_word(conversation, one):
            continue
        question = await asked(embedder, one.text)
        for _ in range(_DRAWS):
            others = draw.sample([line.id for line in conversation.lines if line.id not in one.evidence], MEMORIES - 1)
            ids = [*others, draw.choice(sorted(one.evidence))]
            draw.shuffle(ids)
            index = UserIndex()
            for number, memory_id in enumerate(ids):
                content, vector = texts[memory_id]
                created_at = conversation.lines[0].created_at + number * _APART
                index.put(
                    Entry(
                        id=memory_id,
                        version=number,
                        created_at=created_at,
                        content=content,
                        vectors={embedder.model: vector},
                    )
                )
            hits = rank(index, question, Ordering(limit=1)).hits
            first.append(bool(hits) and hits[0].id in one.evidence)
    return np.array(first, np.float64)
