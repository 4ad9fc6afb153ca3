"""Generated requests against the server's own description: `python -m tests.benchmarks.server_fuzz [--cases 500]`.

Schemathesis (https://schemathesis.io, MIT licence) reads /openapi.json and makes requests that fit it and requests that
do not, so many for each endpoint; none may be answered with 5xx. The model is a tiny one of random weights.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.serving.running import LIMITS, running
from tests.tiny import tiny_ctc


def main() -> None:
    """Exit with schemathesis' own code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="requests an endpoint, at most")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running({"tiny": tiny_ctc(Path(folder))}, LIMITS) as server:
        command = ["schemathesis", "run", f"{server.address}/openapi.json", "--checks", "not_a_server_error"]
        command += ["--max-examples", str(given.cases), "--seed", str(given.seed), "--mode", "all", "--no-color"]
        done = subprocess.run([str(Path(sys.executable).parent / command[0]), *command[1:]], cwd=folder)
        statuses = [
            line for line in server.http.get("/metrics").text.splitlines() if "speech_tl_requests_total{" in line
        ]
        print("\n".join(statuses))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
