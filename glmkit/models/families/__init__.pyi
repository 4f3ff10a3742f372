from .esm import esm2 as esm2
