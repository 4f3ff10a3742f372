"""The platform: a study file, a notebook's signature, the papermill engine, MLflow, the workflow, the report.

This room knows no biology and no torch: it hands parameters to notebooks, runs them truthfully and records what came of it.
Import what you need from its modules (``from glmkit.studies.stage import open_stage``); the room itself imports nothing, so
that ``glmkit --help`` answers in a blink.
"""
