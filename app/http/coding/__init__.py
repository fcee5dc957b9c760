"""Content codings: answers are packed for clients that ask for it, and packed bodies are unpacked."""
