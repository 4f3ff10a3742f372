from .fasta import read_fasta as read_fasta
from .genbank import read_genbank as read_genbank
from .gff import GffFeature as GffFeature
from .gff import read_gff as read_gff
