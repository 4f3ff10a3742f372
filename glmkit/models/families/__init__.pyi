from .esm import SHAPES as SHAPES
from .esm import esm2 as esm2
from .family import Family as Family
from .registry import FAMILIES as FAMILIES
from .registry import family_of_config as family_of_config
from .registry import family_to_save as family_to_save
from .unirep import read_unirep as read_unirep
