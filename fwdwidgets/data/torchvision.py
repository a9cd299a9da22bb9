"""Import torchvision even if its C++ operators cannot load."""

import importlib
import sys
from types import ModuleType

import torch

_MISSING_OPERATOR = "operator torchvision::nms does not exist"

# Kept alive here: torch forgets declared operators together with the Library object.
_declared_operators: list[torch.library.Library] = []


def import_torchvision() -> ModuleType:
    """Import torchvision, even if its C++ operators cannot load.

    torchvision's wheel from PyPI is built for a CUDA torch. With a CPU-only torch its compiled
    operators do not load and its import fails, although its datasets, transforms and models need
    none of them. After exactly that error, the two operators that the import looks up are declared
    without an implementation, and the import is repeated. From then on a plain
    ``import torchvision`` works too, anywhere in the process.

    Returns:
        The torchvision package.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: Its import failed in any other way.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if _MISSING_OPERATOR not in str(error) or _declared_operators:
            raise
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared_operators.append(library)
    # The failed import leaves some submodules behind; the second try starts without them.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    return importlib.import_module("torchvision")
