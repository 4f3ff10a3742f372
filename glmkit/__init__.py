"""glmkit: language models of DNA, proteins and cells, from an accession to an explained, honestly evaluated prediction."""

__version__ = "0.1.0"
