"""Facts from messages: a language model states what the messages say, and each fact becomes a memory of its own."""
