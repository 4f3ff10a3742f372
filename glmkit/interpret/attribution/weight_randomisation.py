"""Randomisation test of attributions: comparison with those of a model whose weights are random.

Some saliency methods give similar results for trained and for random weights: they reflect the input, not the model. Here weights
are replaced by random ones, all of them or from the output layer downwards. Attributions that persist do not depend on what was
learned. Each tensor is drawn from a normal distribution with its own mean and standard deviation. Activations thus keep their
scale, and only the learned structure is removed.

References
----------
Adebayo J et al. (2018). Sanity checks for saliency maps. NeurIPS. arXiv:1810.03292.
"""

import copy
import re
from typing import Any

from glmkit.errors import BadInput


def randomise_weights(model: Any, seed: int = 0, *, depth: int | None = None) -> Any:
    """A copy of a model with random weights.

    Parameters
    ----------
    model
        Any model of glmkit; it is not changed.
    seed
        Random seed, 0 or more; the global random state of torch is not changed.
    depth
        Number of :func:`weight_groups` to randomise, from the output downwards; None for all. ``depth=1`` randomises the head
        only; increasing depths give the cascading randomisation of the paper.

    Returns
    -------
    Module
        Copy in evaluation mode, on the same device; its card lists the randomised groups.

    Raises
    ------
    BadInput
        A depth that the model does not have, or a negative seed.

    Examples
    --------
    >>> from glmkit.interpret import randomise_weights, weight_groups
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=2, heads=2, feedforward=8)
    >>> classifier = new_classifier(new_model(config, make_tokenizer("base")), classes=("background", "promoter"))
    >>> list(weight_groups(classifier))
    ['head', 'layer 1', 'layer 0', 'embedding']
    >>> randomise_weights(classifier, depth=2).card["randomised"]
    {'groups': ['head', 'layer 1'], 'seed': 0}
    """
    import torch

    groups = weight_groups(model)
    count = len(groups) if depth is None else depth
    if not 1 <= count <= len(groups):
        raise BadInput(f"depth: expected 1 to {len(groups)} ({', '.join(groups)}), got {depth}.")
    if seed < 0:
        raise BadInput(f"seed must be 0 or more, got {seed}.")
    chosen = set(list(groups)[:count])
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in other.named_parameters():
            if _group(name) in chosen:
                spread = parameter.float().std(correction=0)
                drawn = torch.randn(parameter.shape, generator=generator).to(parameter.device)
                parameter.copy_(parameter.float().mean() + spread * drawn)
    other.card = {**getattr(model, "card", {}), "randomised": {"groups": sorted(chosen), "seed": seed}}
    return other.eval()


def weight_groups(model: Any) -> dict[str, list[str]]:
    """Groups of parameters of a model, from the output downwards, each with the names of its parameters.

    Parameters
    ----------
    model
        Any model of glmkit.

    Returns
    -------
    dict
        ``head``, then the layers from the last to the first, and ``embedding`` (with positions and norms outside the layers).
    """
    groups: dict[str, list[str]] = {}
    for name, _ in model.named_parameters():
        groups.setdefault(_group(name), []).append(name)
    return dict(sorted(groups.items(), key=lambda item: _rank(item[0])))


def _group(name: str) -> str:
    if not name.startswith("network."):
        return "head"
    layer = re.search(r"\blayers?\.(\d+)\.", name)
    return f"layer {layer[1]}" if layer else "embedding"


def _rank(group: str) -> tuple[int, int]:
    if group == "head":
        return 0, 0
    return (1, -int(group.split()[1])) if group.startswith("layer ") else (2, 0)
