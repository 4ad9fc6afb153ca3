"""Commands as jobs of a Ray cluster: `speech-tl ...` on some node, in a process of its own, its words in a log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from speech_tl.scaling.cluster import cluster, gpus_each

Launch = Callable[[Sequence[str], Path], int]
"""Runs `speech-tl` with these arguments, writes what it says to a log, and returns its exit code."""

PATIENCE_S = 60.0
"""A command that is stopped has so long to write a checkpoint."""

STOPPED = 143


class Lost(Exception):
    """The node on which a command ran, or what watched it there, is gone."""


@contextmanager
def jobs_on(on: str, at_once: int) -> Iterator[Launch]:
    """What runs commands on the cluster that `on` names, `at_once` of them with a GPU each where there are so many.

    Folders are the same on all nodes. When this ends by an error or Ctrl-C, commands are stopped as SIGTERM does it.

    Raises:
        BadInput: as `cluster`.
    """
    with cluster(on, at_once) as ray:
        job = ray.remote(num_cpus=1, num_gpus=gpus_each(ray, at_once), max_retries=0)(_command)
        running = set()

        def launch(arguments: Sequence[str], log: Path) -> int:
            began = job.remote(list(arguments), str(log.resolve()), os.getcwd())
            running.add(began)
            try:
                return ray.get(began)
            except ray.exceptions.TaskCancelledError:
                return STOPPED
            except ray.exceptions.RayError as error:
                raise Lost(str(error).strip().splitlines()[0]) from error
            finally:
                running.discard(began)

        try:
            yield launch
        finally:
            left = list(running)
            for one in left:
                ray.cancel(one)
            if left:
                ray.wait(left, num_returns=len(left), timeout=PATIENCE_S)


def _command(arguments: list[str], log: str, folder: str) -> int:
    """On a node: one command, which is stopped where this is."""
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "speech_tl.cli", *arguments], cwd=folder, stdout=stream, stderr=stream
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)
            raise
        finally:
            process.kill()
