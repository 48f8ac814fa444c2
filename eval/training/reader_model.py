"""The reader-reranker while it is trained: MiniLM with three heads over question and passage.

One pass over `[CLS] question [SEP] passage [SEP]` says how relevant the passage is, where in
it the answer stands, and whether it answers at all. Relevance starts from what the encoder
knows already: the cosine of the two means and late interaction, the mean over the question's
tokens of the best cosine among the passage's (Khattab & Zaharia, 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

WIDTH = 384
FEATURES = 2
_SCALE = 8.0  # of a cosine, as a logit
_EPSILON = 1e-6


class Read(NamedTuple):
    """What the heads say of a batch: shapes (batch,), (batch,), (batch, tokens), the same."""

    relevance: Tensor
    answerable: Tensor
    starts: Tensor
    ends: Tensor


class ReaderModel(nn.Module):  # type: ignore[misc, unused-ignore] # without torch
    """An encoder and the heads.

    Args:
        encoder: A `transformers.BertModel` without a pooler, or what is called like one.
        width: Of its vectors.
    """

    def __init__(self, encoder: Any, width: int = WIDTH) -> None:
        super().__init__()
        self.encoder = encoder
        self.relevance = nn.Linear(2 * width + FEATURES, 1)
        self.answerable = nn.Linear(2 * width + 1, 1)
        self.span = nn.Linear(width, 2)
        with torch.no_grad():
            for head in (self.relevance, self.answerable):
                head.weight.zero_()
                head.bias.zero_()
            self.relevance.weight[0, -FEATURES:] = _SCALE
            self.relevance.bias.fill_(-_SCALE)
            self.span.weight.normal_(0.0, 0.02)
            self.span.bias.zero_()

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> Read:
        """Logits.

        Args:
            ids: Tokens, shape (batch, tokens).
            types: 0 for [CLS], the question and its [SEP], 1 for the passage and its [SEP].
            mask: 1 where there is a token.
        """
        hidden = self.encoder(
            input_ids=ids, attention_mask=mask, token_type_ids=types
        ).last_hidden_state.float()
        inner = (ids != 101) & (ids != 102) & (mask == 1)  # neither [CLS] nor [SEP]
        asked, told = inner & (types == 0), inner & (types == 1)
        question, passage = _mean(hidden, asked), _mean(hidden, told)
        first, product = hidden[:, 0], question * passage
        similar = torch.stack([product.sum(1), _late(hidden, asked, told)], 1)
        relevance = self.relevance(torch.cat([first, product, similar], 1)).squeeze(1)
        starts, ends = self.span(hidden).masked_fill(~told[..., None], -1e4).unbind(-1)
        best = (starts.amax(1) + ends.amax(1))[:, None] / 10
        answerable = self.answerable(torch.cat([first, product, best], 1)).squeeze(1)
        return Read(relevance, answerable, starts, ends)


def _mean(hidden: Tensor, chosen: Tensor) -> Tensor:
    weight = chosen[..., None].float()
    mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)
    return nn.functional.normalize(mean, dim=1)


def _late(hidden: Tensor, asked: Tensor, told: Tensor) -> Tensor:
    unit = nn.functional.normalize(hidden, dim=2)
    cosines = unit @ unit.transpose(1, 2)
    best = cosines.masked_fill(~told[:, None, :], -1.0).amax(2)
    weight = asked.float()
    return (best * weight).sum(1) / weight.sum(1).clamp(min=1)


def start_from(folder: Path) -> ReaderModel:
    """A model that knows no more than the bundled encoder; its word table stays as it is."""
    from transformers import BertModel

    encoder = BertModel.from_pretrained(
        folder,
        attn_implementation="sdpa",
        add_pooling_layer=False,
        # Everything is seen once: there is nothing to learn by heart, and dropout costs time.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    encoder.embeddings.word_embeddings.weight.requires_grad_(False)
    return ReaderModel(encoder)


def with_weights(weights: Mapping[str, NDArray[Any]], *, attention: str = "sdpa") -> ReaderModel:
    """A model with given weights: the encoder's as BERT names them, the heads' as here.

    Args:
        attention: How it is computed; on a CPU, `eager` learns twice as fast.
    """
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=len(weights["embeddings.word_embeddings.weight"]),
        hidden_size=WIDTH,
        num_hidden_layers=6,
        intermediate_size=4 * WIDTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    config._attn_implementation = attention
    model = ReaderModel(BertModel(config, add_pooling_layer=False))
    heads = ("relevance", "answerable", "span")
    model.load_state_dict(
        {
            name if name.startswith(heads) else f"encoder.{name}": torch.from_numpy(value.copy())
            for name, value in weights.items()
        }
    )
    model.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
    return model


def weights_of(model: ReaderModel) -> dict[str, NDArray[Any]]:
    """Weights by name, as `with_weights` takes them."""
    return {
        name.removeprefix("encoder."): value.detach().float().numpy()
        for name, value in model.state_dict().items()
    }
