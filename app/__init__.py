"""Footnote: answers from your own documents, every sentence proved."""

__version__ = "0.1.0"
