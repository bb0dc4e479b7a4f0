"""No state that is taken leads machine code out of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_machine_code_stays_within_hostile_states(tmp_path: Path) -> None:
    env = os.environ | {"NUMBA_BOUNDSCHECK": "1", "STREAMMSE_CACHE": str(tmp_path / "cache")}
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.bounds"],
        env=env,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    print(done.stdout)  # noqa: T201
    assert done.returncode == 0, done.stderr[-3000:]
