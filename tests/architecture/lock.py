"""Write ``requirements.lock`` (``make lock``): every platform's pins with hashes, but for torch and its CUDA parts.

Versions that are already locked are kept where they still fit; ``make lock UPGRADE=1`` resolves all of them anew.
Which build of torch a machine gets is the installer's choice; torch's own metadata pins the CUDA packages that go with it.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
CUDA = re.compile(r"^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==", re.MULTILINE)


def compile_lock(*options: str) -> None:
    arguments = ["pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"]
    arguments += [
        "--group",
        "dev",
        "--group",
        "bench",
        "--group",
        "docs",
        "--no-annotate",
        "--no-header",
        "--no-emit-index-url",
        "--no-emit-find-links",
    ]
    subprocess.run(
        [sys.executable, "-m", "uv", *arguments, "--system-certs", "--output-file", str(LOCK), *options], cwd=ROOT, check=True
    )


if __name__ == "__main__":
    if "--upgrade" in sys.argv:
        LOCK.unlink(missing_ok=True)
    compile_lock()
    left_out = sorted(set(CUDA.findall(LOCK.read_text())))
    compile_lock(*(f"--no-emit-package={name}" for name in left_out))
