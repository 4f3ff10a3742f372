"""Classification of sequences and cells: a pooled head with class logits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from glmkit.models.heads.base import PooledHead, SequenceClassifier, attach
from glmkit.models.networks.pooling import Pool

if TYPE_CHECKING:
    from glmkit.models.protocols import Model


class Classifier(PooledHead, SequenceClassifier):
    """Packed token ids to class logits of each sequence; the parameters are those of `PooledHead`."""

    kind = "classifier"


def new_classifier(
    model: "Model", classes: Sequence[str], *, pool: Pool = "mean", hidden: int | None = None, dropout: float = 0.1, seed: int = 0
) -> Classifier:
    """Put a fresh classification head on a model's network; the network is shared, not copied.

    Parameters
    ----------
    model
        Pretrained or new LanguageModel, or a TokenClassifier trained on an intermediate task. Deep-copy it first to keep it unchanged.
    classes
        Names of the classes, two or more.
    pool
        Pooling mode, see `glmkit.models.networks.pooling`.
    hidden
        Units of the head's hidden layer; the network's width if None.
    dropout
        Dropout probability before each layer of the head during training, in [0, 1).
    seed
        Seed of the head's initial weights; the global random state is restored afterwards.

    Returns
    -------
    Classifier
        In evaluation mode, on the model's device.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> new_classifier(model, ["intron", "exon"], pool="centre").classes
    ('intron', 'exon')
    """
    return attach(
        model,
        lambda card: Classifier(model.network, classes, model.tokenizer, card, pool=pool, hidden=hidden, dropout=dropout),
        seed,
        classes=list(classes),
        pool=pool,
    )
