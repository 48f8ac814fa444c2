"""What dense search does not see of a long question."""

from __future__ import annotations

from app.core.ports import DenseEncoder


def unread(text: str, dense: DenseEncoder) -> str:
    """What a model that reads `dense.max_tokens` tokens leaves out of a text, in words.

    Empty when it reads all of it. Nothing is refused: BM25 searches with every word, and
    the beginning of a question is nearly always enough for the vector.
    """
    if len(text.encode()) < dense.max_tokens / 2:  # no token is shorter than a byte
        return ""
    (tokens,) = dense.count_tokens([text])
    if tokens <= dense.max_tokens:
        return ""
    return (
        f"the query has {tokens} tokens, of which dense search read the first "
        f"{dense.max_tokens}, and BM25 all"
    )
