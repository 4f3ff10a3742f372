"""Checks of ``glmkit doctor`` on software: libraries, programs, kernels, and the tracking store."""

import re
import socket
import sqlite3
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from glmkit.errors import GlmkitError
from glmkit.programs import PROGRAMS, find_program, run_program
from glmkit.studies.doctor.findings import Finding
from glmkit.studies.files.secrets import redact
from glmkit.studies.kernels import gpus, kernelspecs
from glmkit.studies.tracking.store import sqlite_file, store_uri

_SHOWN = ("torch", "transformers", "numpy", "pandas", "anndata", "mlflow", "snakemake", "papermill", "jupyterlab", "ipykernel")
_SECONDS = 5.0
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def examine_software() -> list[Finding]:
    """All findings on software."""
    return [
        python(),
        libraries(),
        *map(program, (name for name in PROGRAMS if PROGRAMS[name].version_argument)),
        *kernels(),
        tracking(store_uri()),
    ]


def python() -> Finding:
    """Finding on whether glmkit supports this version of Python."""
    from packaging.specifiers import SpecifierSet

    version = ".".join(map(str, sys.version_info[:3]))
    wanted = metadata.metadata("glmkit")["Requires-Python"] or ""
    if SpecifierSet(wanted).contains(version):
        return Finding(about="Python", text=f"{version}, {sys.executable}")
    remedy = "Create an environment with a supported Python and install glmkit there."
    return Finding(about="Python", state="fail", text=f"{version}, but glmkit needs {wanted}", remedy=remedy)


def libraries(requirements: list[str] | None = None) -> Finding:
    """Finding on whether the required libraries are installed in supported versions.

    Parameters
    ----------
    requirements
        Requirements such as ``numpy>=2.0``; by default those of the installed glmkit.

    Returns
    -------
    Finding
        ``ok``, or ``fail`` with each library that is missing or has an unsupported version.
    """
    needed = list(_needed(metadata.requires("glmkit") or [] if requirements is None else requirements))
    wrong = [f"{name} {version or 'is missing'}, needs {wanted}" for name, wanted, version, good in needed if not good]
    if wrong:
        remedy = "Run 'make env' in the clone, or 'pip install --upgrade glmkit'."
        return Finding(about="libraries", state="fail", text="; ".join(wrong), remedy=remedy)
    versions = {name: version for name, _, version, _ in needed}
    shown = [f"{name} {versions[name]}" for name in _SHOWN if versions.get(name)]
    return Finding(about="libraries", text=f"all {len(needed)} installed: {', '.join(shown)}")


def _needed(requirements: list[str]) -> Iterator[tuple[str, str, str, bool]]:
    """Tuples (name, required versions, installed version or "", whether it is sufficient); extras are excluded."""
    from packaging.requirements import Requirement

    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = ""
        good = bool(version) and requirement.specifier.contains(version, prereleases=True)
        yield requirement.name, str(requirement.specifier) or "any version", version, good


def program(name: str) -> Finding:
    """Finding on a program of :data:`glmkit.programs.PROGRAMS` and its version."""
    try:
        path = find_program(name)
        with tempfile.TemporaryDirectory() as folder:
            output = run_program(name, [PROGRAMS[name].version_argument], folder, _SECONDS, errors=True)
    except GlmkitError as error:
        return Finding(about=name, state="warn", text=f"{PROGRAMS[name].title}: not usable", remedy=str(error))
    version = re.search(r"\d+(?:\.\d+)+\+?|\d+-\w+", output)
    return Finding(about=name, text=f"{PROGRAMS[name].title} {version[0] if version else '(unknown version)'}, {path}")


def kernels(prefix: str | Path | None = None) -> list[Finding]:
    """Findings on whether Jupyter's kernels can start, and whether glmkit's kernels match the present GPUs."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = KernelSpecManager().get_all_specs()
    broken = [
        name for name, entry in found.items() if Path(argv := entry["spec"]["argv"][0]).is_absolute() and not Path(argv).exists()
    ]
    lines = [Finding(about="kernels", text=", ".join(sorted(found)) or "python3")]
    if broken:
        remedy = f"Remove the broken kernels: jupyter kernelspec remove {' '.join(broken)}"
        text = f"{', '.join(broken)}: the interpreter no longer exists"
        lines.append(Finding(about="kernels", state="warn", text=text, remedy=remedy))
    there = {gpu.uuid for gpu in gpus.list_gpus()}
    named = {
        str(spec["metadata"].get("glmkit_device")) for spec in kernelspecs.installed(kernelspecs.kernels_folder(prefix)).values()
    }
    if named - {"cpu", "any"} != there:
        text = (
            f"{len(there)} GPUs, {len(named - {'cpu', 'any'})} of them with a kernel"
            if there
            else "there are kernels for GPUs that no longer exist"
        )
        lines.append(Finding(about="GPU kernels", state="warn", text=text, remedy="Run: glmkit kernels install"))
    if not any(
        point.name == kernelspecs.PROVISIONER for point in metadata.entry_points(group="jupyter_client.kernel_provisioners")
    ):
        text = "Jupyter does not find glmkit's provisioner, so that GPU kernels cannot start"
        lines.append(
            Finding(about="GPU kernels", state="warn", text=text, remedy="Reinstall glmkit: pip install --upgrade glmkit")
        )
    return lines


def tracking(uri: str) -> Finding:
    """Finding on whether the MLflow store can be reached; runs do not depend on it."""
    shown = str(redact(re.sub(r"//[^/@]*@", "//…@", uri)))
    try:
        text = _reach(uri)
    except (OSError, sqlite3.Error, ValueError) as error:
        remedy = (
            "Runs continue without it; their run.json and metrics.jsonl are complete. Start the server or correct the address."
        )
        if sqlite_file(uri):
            remedy = "Runs continue without it. Move that file away; the next run creates a new one."
        return Finding(about="MLflow", state="warn", text=f"{shown}: {error}", remedy=remedy)
    return Finding(about="MLflow", text=f"{shown}: {text}")


def _reach(uri: str) -> str:
    parts = urlsplit(uri)
    if database := sqlite_file(uri):
        if not database.exists():
            return "does not exist yet; the first run creates it"
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=_SECONDS)) as connection:
            (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        return f"{runs:,} runs"
    if parts.scheme in ("http", "https"):
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_SECONDS) as reply:  # noqa: S310 (http and https only)
            return f"reachable (HTTP status {reply.status})"
    if (kind := parts.scheme.split("+")[0]) in _PORTS and parts.hostname:
        with socket.create_connection((parts.hostname, parts.port or _PORTS[kind]), _SECONDS):
            return "a server accepts connections"
    return "not checked"
