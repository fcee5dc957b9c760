"""The stores behind the providers: who they are, whether they are as the chain left them, and who may answer."""
