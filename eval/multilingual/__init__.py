"""How well BM25 alone finds paragraphs in many languages."""
