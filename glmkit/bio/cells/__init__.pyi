from .genes import GeneMap as GeneMap
from .genes import map_genes as map_genes
from .reading import read_cells as read_cells
from .reading import read_modalities as read_modalities
from .report import cell_report as cell_report
from .writing import write_cells as write_cells
