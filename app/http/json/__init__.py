"""JSON bodies: decoded strictly, with errors that name the field, and bounded before they are decoded."""
