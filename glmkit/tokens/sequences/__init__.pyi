from .base import BaseTokenizer as BaseTokenizer
from .bpe import BpeTokenizer as BpeTokenizer
from .kmer import KmerTokenizer as KmerTokenizer
from .kmer import centre_token as centre_token
from .kmer import complement_kmers as complement_kmers
from .kmer import tokens_over_base as tokens_over_base
from .letters import LetterTokenizer as LetterTokenizer
from .nucleotide import NucleotideTokenizer as NucleotideTokenizer
