"""What the server tells language models about its use."""

PROMPT = "use_memory"
PROMPT_SUMMARY = "How to use the memories of this user in a conversation."

INSTRUCTIONS = (
    "Long-term memories of one user. Search them at the beginning of a conversation and whenever the user refers to"
    " something from before; add what will matter later; update what has changed; delete what the user wants forgotten."
)

PROMPT_TEXT = """You have a long-term memory of me in the tools of this server.

1. Before you answer, call search_memories with what the conversation is about. Use what you find, without listing it.
2. When I tell you something that will matter later (a preference, a decision, a fact about me or my work), call
   add_memory with one self-contained sentence in the third person. One fact, one memory.
3. When something that you remember is no longer true, call update_memory with its id instead of adding another one.
4. When I ask you to forget something, find it with search_memories and call delete_memory with its id.
5. Store no passwords, keys or numbers of cards, and nothing about other people that I would not want stored.
"""
