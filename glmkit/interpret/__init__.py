"""What a model's answer rests on, one verb a file. PyTorch is first imported when a model is touched."""

from glmkit.interpret.aligned import importance, information_content, letter_contributions, position_frequencies
from glmkit.interpret.explanation import Explanation
from glmkit.interpret.gradient import gradient_times_input
from glmkit.interpret.integrated_gradients import integrated_gradients
from glmkit.interpret.mutagenesis import class_log_odds, mutagenesis
from glmkit.interpret.occlusion import occlusion
from glmkit.interpret.plant import plant
from glmkit.interpret.randomise import randomise_weights, weight_groups
from glmkit.interpret.rollout import attention_rollout
from glmkit.interpret.shapley import shapley, shapley_features

__all__ = [
    "Explanation",
    "attention_rollout",
    "class_log_odds",
    "gradient_times_input",
    "importance",
    "information_content",
    "integrated_gradients",
    "letter_contributions",
    "mutagenesis",
    "occlusion",
    "plant",
    "position_frequencies",
    "randomise_weights",
    "shapley",
    "shapley_features",
    "weight_groups",
]
