"""Training, scoring and publishing under one protocol."""
