"""What a model's answer rests on, one verb a file. PyTorch is first imported when a model is touched."""

from glmkit.interpret.aligned import importance, information_content, letter_contributions, position_frequencies
from glmkit.interpret.mutagenesis import class_log_odds, mutagenesis
from glmkit.interpret.occlusion import occlusion
from glmkit.interpret.plant import plant

__all__ = [
    "class_log_odds",
    "importance",
    "information_content",
    "letter_contributions",
    "mutagenesis",
    "occlusion",
    "plant",
    "position_frequencies",
]
