"""The workflow: Snakemake, jobs, clusters and dry runs."""
