"""Jupyter kernels, child processes and GPU leases."""
