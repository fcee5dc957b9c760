"""References that are made from the code: settings, measurements, problems."""
