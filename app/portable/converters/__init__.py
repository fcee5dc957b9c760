"""What other stores export, converted into the lines of our own exports."""
