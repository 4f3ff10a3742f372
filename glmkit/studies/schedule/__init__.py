"""Scheduled runs by cron, systemd or jupyter-scheduler."""
