"""The sanity check of an explanation: it must change when what the model has learned is taken away.

Some saliency methods draw much the same picture for a trained network and for one with random weights: they show the input, not the
model. So weights are drawn anew, all of them or from the answer downwards, and whatever is still explained afterwards was never
learned. Each tensor is drawn from a normal distribution with its own mean and spread, so that activations keep their size and
only the learned structure is lost.

References
----------
Adebayo J et al. (2018). Sanity checks for saliency maps. NeurIPS. arXiv:1810.03292.
"""

import copy
import re
from typing import Any

from glmkit.errors import BadInput


def randomise_weights(model: Any, seed: int = 0, *, depth: int | None = None) -> Any:
    """A copy of a model with weights drawn anew.

    Parameters
    ----------
    model
        Any model of glmkit; it is left as it is.
    seed
        Of the draws, 0 or more; torch's global random state is left as it was.
    depth
        How many of :func:`weight_groups`, counted from the answer downwards; None for all. ``depth=1`` randomises the head
        alone, and rising depths are the cascade of the paper.

    Returns
    -------
    Module
        In evaluation mode, on the same device; its card says what was randomised.

    Raises
    ------
    BadInput
        A depth that the model does not have, or a negative seed.
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
    """The parts of a model from its answer downwards, each with the names of its parameters.

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
