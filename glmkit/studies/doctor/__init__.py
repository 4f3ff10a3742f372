"""Diagnosis of the machine: hardware, programs and versions, with remedies."""
