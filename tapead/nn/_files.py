"""Arrays by name in files of NumPy's .npz format, without pickle."""

import os
import struct
import zipfile
import zlib

import numpy as np

# what zipfile and NumPy raise: of flags that they do not know, sizes that there are not, ...
GARBLED = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
    TypeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def check_names(what, given, wanted):
    """Raise if the keys of `given` are not those of `wanted`."""
    missing, unknown = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    if missing or unknown:
        parts = [f"without {', '.join(missing)}"] if missing else []
        parts += [f"with the unknown {', '.join(unknown)}"] if unknown else []
        raise ValueError(f"{what} has {len(wanted)} arrays; got a state {' and '.join(parts)}")


def save_arrays(path, arrays):
    """Write arrays by name to an .npz file, which is there whole or not at all."""
    temporary = f"{os.fspath(path)}.part"
    try:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def load_arrays(path):
    """Arrays by name from an .npz file; pickled objects are refused."""
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except GARBLED as error:
            raise ValueError(
                f"{os.fspath(path)} is no .npz file of arrays as save() writes it: {error}"
            ) from None
