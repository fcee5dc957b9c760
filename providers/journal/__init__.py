"""The durable list of promises not yet kept, and the deliverer that keeps them."""
