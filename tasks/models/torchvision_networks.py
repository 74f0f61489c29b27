"""torchvision's networks, imported without the compiler of torch that it names in vain."""

from tasks.without_compiler import replace_compiler

with replace_compiler():
    from torchvision import models

__all__ = ["models"]
