"""What it is measured with: corpora, doubles, and graphs to compare with."""
