"""``python -m tests.benchmarks`` (``make bench``): every ``bench_*.py`` here, one after the other, with its table.

Each runs in a process of its own, so that none is timed with what another has loaded or left in memory, and with one thread a
library, so that figures from different machines compare. Words on the command line choose: ``python -m tests.benchmarks tokens``.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"], "1")


def main(chosen: list[str]) -> int:
    """Run the benchmarks whose names hold one of the words in `chosen`, or all; 1 if one failed, 2 if there is none."""
    every = sorted(HERE.glob("bench_*.py"))
    paths = [path for path in every if not chosen or any(word in path.stem for word in chosen)]
    if not paths:
        print(f"No benchmark is named like {', '.join(chosen)}. There are: {', '.join(p.stem for p in every)}.", file=sys.stderr)
        return 2
    failed = []
    for path in paths:
        print(f"== {path.stem.removeprefix('bench_')}", flush=True)
        start = time.monotonic()
        code = subprocess.run([sys.executable, str(path)], cwd=HERE.parents[1], env={**os.environ, **ONE_THREAD}).returncode
        print(f"   {time.monotonic() - start:.0f} s{f', exit code {code}' if code else ''}\n", flush=True)
        failed += [path.stem] if code else []
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
