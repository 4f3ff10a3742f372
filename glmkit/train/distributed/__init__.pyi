from .launch import fit_distributed as fit_distributed
from .rendezvous import Rendezvous as Rendezvous
from .rendezvous import slurm_rendezvous as slurm_rendezvous
