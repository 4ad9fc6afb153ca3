"""How much memory a run has used, on every system that Python runs on."""

from __future__ import annotations

import sys


def peak_memory_bytes(device_type: str) -> int:
    """Most memory used so far: the GPU's where there is one, else this process's.

    Unix keeps the figure itself; Windows has no module `resource`, and psutil, which accelerate needs, asks there.
    """
    if device_type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:
        return _peak_by_psutil()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _peak_by_psutil() -> int:
    """The peak of the working set (Windows); elsewhere what is resident now, which is at most the peak."""
    import psutil

    used = psutil.Process().memory_info()
    return int(getattr(used, "peak_wset", used.rss))
