"""What stores share that keep the state of each memory under a key: steps of writes, order, recall, the provider."""
