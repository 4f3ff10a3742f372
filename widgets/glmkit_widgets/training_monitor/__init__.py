"""A live view of a training loop, with a button that stops the loop at its next checkpoint."""

from glmkit_widgets.training_monitor.model import TrainingMonitor

__all__ = ["TrainingMonitor"]
