"""Common base of masked and causal language modelling: cross-entropy at selected positions."""

from typing import Any

import torch

from glmkit.errors import BadInput
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, cross_entropy


class LanguageObjective(Objective):
    """Cross-entropy at scored positions; the head is computed only there."""

    causal: bool

    def suits(self, model: Any, store: Any) -> None:
        """Raise BadInput if the model is no language model, or of the other kind (masked or causal).

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
                f"{other} does not match the model, which is {kind}. Create it with causal={self.causal}, or change the objective."
            )

    def score(self, model: Any, examples: Examples) -> Loss:
        """Cross-entropy at the scored positions.

        Parameters
        ----------
        model
            A LanguageModel.
        examples
            Examples with positions.

        Returns
        -------
        Loss
            Weighted sum over scored positions.
        """
        tokens, boundaries = as_tensors(examples, model)
        assert examples.positions is not None
        where = torch.from_numpy(examples.positions).to(model.device)
        return cross_entropy(model.logits(tokens, boundaries, where), examples, model.training)
