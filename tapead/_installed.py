"""A checkout whose extension modules are not built gives way to the installed package.

``python -m tapead`` and ``python -m pytest`` put the working folder first on the path, and so the
checkout's own `tapead`, which ``pip install .`` leaves without extension modules.
"""

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES


def use_installed(package_path):
    """Point `package_path` (a package's ``__path__``) to a folder with the extension modules.

    Raises
    ------
    ImportError
        If no folder of ``sys.path`` has them.
    """
    here = package_path[0]
    if _is_built(here):
        return
    for entry in sys.path:
        folder = os.path.join(entry or ".", os.path.basename(here))
        if _is_built(folder):
            package_path[:] = [folder]
            return
    raise ImportError(
        f"{here} has no built extension modules and tapead is not installed; "
        "run `pip install .` in the checkout, or `python setup.py build_ext --inplace`"
    )


def _is_built(folder):
    return any(os.path.exists(os.path.join(folder, f"_tape{end}")) for end in EXTENSION_SUFFIXES)


use_installed(sys.modules["tapead"].__path__)
