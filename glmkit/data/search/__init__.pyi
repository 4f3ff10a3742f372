from .blast import run_blast as run_blast
from .dna import closest_dna as closest_dna
from .dna import cluster_dna as cluster_dna
from .numbered_fasta import write_numbered as write_numbered
from .proteins import closest as closest
from .proteins import closest_train_neighbour as closest_train_neighbour
from .proteins import cluster as cluster
