"""What masked and causal language modelling share: a language model scored by cross-entropy at some positions."""

from typing import Any

import torch

from glmkit.errors import BadInput
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, cross_entropy


class LanguageObjective(Objective):
    """Cross-entropy at scored positions; the head runs only there."""

    causal: bool

    def suits(self, model: Any, store: Any) -> None:
        """Raise BadInput if the model is no language model, or reads in the other direction.

        Parameters
        ----------
        model
            A LanguageModel.
        store
            The corpus.
        """
        if not hasattr(model, "logits"):
            raise BadInput(f"This objective needs a LanguageModel, got a {type(model).__name__}.")
        if model.causal != self.causal:
            kind, other = ("causal", "MaskedLanguageModel") if model.causal else ("masked", "CausalLanguageModel")
            raise BadInput(
                f"The model is {kind}: {other} does not suit it. Make it with causal={self.causal}, or change the objective."
            )

    def score(self, model: Any, examples: Examples) -> Loss:
        """Cross-entropy at the scored positions.

        Parameters
        ----------
        model
            A LanguageModel.
        examples
            With positions.

        Returns
        -------
        Loss
            Summed over scored positions, with their weights.
        """
        tokens, boundaries = as_tensors(examples, model)
        assert examples.positions is not None
        where = torch.from_numpy(examples.positions).to(model.device)
        return cross_entropy(model.logits(tokens, boundaries, where), examples, model.training)
