"""Study files, notebook signatures, sweeps and plans."""
