"""The ground floor: whole files or none, locks that name their holder, paths that stay inside."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glmkit.errors import BadInput, ResourceError
from glmkit.files import atomic_folder, atomic_path, disk_errors, exclusive, inside, read_json, workspace, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError, match="half-way"), atomic_path(tmp_path / "a.txt") as temporary:  # noqa: PT012
        temporary.write_text("new, but cut")
        raise RuntimeError("half-way")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_files_get_the_permissions_the_user_asks_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
        with atomic_folder(tmp_path / "b"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750


def test_a_full_disk_names_path_and_bytes() -> None:
    """F9, with the one device that is always full."""
    said = r"No space left to write .*full.* \(5 bytes needed\)"
    with pytest.raises(ResourceError, match=said), disk_errors(Path("/dev/full"), 5), open("/dev/full", "wb", 0) as file:
        file.write(b"12345")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ResourceError, match="cannot be written"):
        write_text(tmp_path / "a.txt", "x")


def test_json_with_nan_comes_back_and_broken_json_is_located(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"loss": float("nan"), "name": "Ä"})
    assert read_json(tmp_path / "a.json")["loss"] != read_json(tmp_path / "a.json")["loss"]
    (tmp_path / "b.json").write_text('{"a": 1,\n "b" 2}')
    with pytest.raises(BadInput, match=r"b\.json, line 2: not JSON"):
        read_json(tmp_path / "b.json")
    with pytest.raises(BadInput, match=r"c\.json does not exist"):
        read_json(tmp_path / "c.json")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "link/x"])
def test_a_path_may_not_leave_its_root(tmp_path: Path, path: str) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="points outside"):
        inside(tmp_path / "root", path)


@pytest.mark.parametrize("path", ["a b/ü", "$(reboot)", "it's", "."])
def test_strange_names_are_only_names(tmp_path: Path, path: str) -> None:
    assert inside(tmp_path, path) == (tmp_path / path).resolve()


def test_a_held_lock_names_pid_and_host_and_a_dead_one_is_free(tmp_path: Path) -> None:
    """F11, F14."""
    code = "import sys, time; from glmkit.files import exclusive\nwith exclusive(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / ".lock")], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match=f"in use by pid {holder.pid} on "), exclusive(tmp_path / ".lock"):
            pass
    finally:
        holder.kill()
        holder.wait()
    with exclusive(tmp_path / ".lock"):
        pass


def test_the_workspace_is_the_folder_with_the_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLMKIT_WORKSPACE", raising=False)
    deep = tmp_path / "project" / "notebooks" / "dna"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert workspace() == deep
    (tmp_path / "project" / "glmkit.toml").touch()
    assert workspace() == tmp_path / "project"
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    assert workspace() == tmp_path
