"""What all stores behind HTTP share."""
