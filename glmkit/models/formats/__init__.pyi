from ._resolve import resolve as resolve
from .devices import choose_device as choose_device
from .safetensors_file import read_weights as read_weights
from .safetensors_file import weights_hash as weights_hash
from .safetensors_file import write_weights as write_weights
