"""Benchmarks of tapead, for asv and for ``python benchmarks/report.py``.

Linear algebra runs on one thread in all systems: NumPy's, and that of its peers.
"""

import os
import sys
from pathlib import Path

# read when the libraries are loaded, which happens after this
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

# where processes that benchmarks start find them; at the end, as the package beside them may be old
_root = str(Path(__file__).resolve().parents[1])
if _root not in sys.path:
    sys.path.append(_root)
