"""Data of the bundled models."""
