"""The provider on Pinecone: copies of states in an index, of which the newest counts."""
