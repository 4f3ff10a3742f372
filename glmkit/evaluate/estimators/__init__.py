"""Model methods of a comparison: fine-tuned networks, linear probes, networks trained earlier, and random weights."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
