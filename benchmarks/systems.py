"""What the adapters of all systems share: names for functions, and what to do without a system."""

import importlib.util


def namespace(**functions):
    """Make a class of functions: on Python 3.11 its look-up is as fast as a module's."""
    return type("namespace", (), functions)


def is_missing(system):
    """Tell whether a peer is not installed; tapead has to be, and a broken peer raises."""
    module = system.partition("-")[0]
    return module != "tapead" and importlib.util.find_spec(module) is None


def require(*systems):
    """Skip a benchmark whose peer is not installed: asv shows n/a."""
    for system in systems:
        if is_missing(system):
            raise NotImplementedError(f"{system} is not installed")
