"""Clients of public services, one service a file: NCBI, Ensembl, UniProt, CELLxGENE and plain URLs."""
