"""Status, reports and comparison of runs."""
