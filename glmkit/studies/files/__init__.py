"""Files of a run: records, logs, notebooks, configuration and secrets."""
