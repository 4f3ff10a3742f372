"""Execution of one notebook: the stage interface and the papermill engine."""
