"""Verbs on a model without training it. PyTorch is first imported when one of them touches a model."""

from glmkit.score.classify import class_logits, class_probabilities
from glmkit.score.contacts import contacts, fit_contact_head
from glmkit.score.dense import coding_probabilities, token_probabilities
from glmkit.score.embed import embed
from glmkit.score.estimate import Estimate, ratio
from glmkit.score.generate import generate
from glmkit.score.landscape import landscape
from glmkit.score.likelihood import base_log_likelihood, bits_per_base, describe_method, log_likelihood, token_log_likelihood
from glmkit.score.mutations import mutations
from glmkit.score.perplexity import pseudo_perplexity
from glmkit.score.perturb import perturb
from glmkit.score.predict_modality import predict_modality
from glmkit.score.regress import predicted_values

__all__ = [
    "Estimate",
    "base_log_likelihood",
    "bits_per_base",
    "class_logits",
    "class_probabilities",
    "coding_probabilities",
    "contacts",
    "describe_method",
    "embed",
    "fit_contact_head",
    "generate",
    "landscape",
    "log_likelihood",
    "mutations",
    "perturb",
    "predict_modality",
    "predicted_values",
    "pseudo_perplexity",
    "ratio",
    "token_log_likelihood",
    "token_probabilities",
]
