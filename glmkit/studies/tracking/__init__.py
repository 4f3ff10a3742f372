"""MLflow runs, stores and the model registry."""
