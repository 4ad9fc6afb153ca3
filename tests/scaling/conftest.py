"""One Ray cluster for all tests of this folder: to start one takes seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.small import ROOT


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[ModuleType]:
    """Ray with room for four workers on this machine, connected."""
    ray = pytest.importorskip("ray", reason="needs the extra [ray]")
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        patch.setenv("PYTHONPATH", path)  # workers import the checkout, whatever folder the tests were started in
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            "local",
            num_cpus=4,
            object_store_memory=100_000_000,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
        yield ray
        ray.shutdown()
