"""One list of dependencies: environment.yml, pyproject.toml and the lock agree."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def conda() -> list:
    return yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]


def test_environment_yml_lists_what_pyproject_lists() -> None:
    (pip,) = [entry["pip"] for entry in conda() if isinstance(entry, dict)]
    assert sorted(pip) == sorted([*PROJECT["project"]["dependencies"], "-e ."])


def test_environment_yml_asks_for_the_same_python() -> None:
    assert f"python{PROJECT['project']['requires-python']}" in conda()


def test_the_lock_pins_every_dependency_but_torch() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE))
    groups = PROJECT["dependency-groups"]
    asked = [
        *PROJECT["project"]["dependencies"],
        *groups["dev"],
        *groups["bench"],
        *groups["docs"],
        *PROJECT["build-system"]["requires"],
    ]
    names = {re.split(r"[<>=\[]", name)[0].lower().replace("_", "-") for name in asked}
    assert names - pinned == {"torch"}
    assert [line for line in lock.splitlines() if "://" in line or "file:" in line] == []


def test_torch_has_one_version() -> None:
    (pin,) = PROJECT["tool"]["uv"]["constraint-dependencies"]
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", pin)
