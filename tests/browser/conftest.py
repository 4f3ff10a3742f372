"""A real JupyterLab in a real Chromium, and offline pages: what browser tests of widgets and reports share.

Fixtures: `chromium` (one browser a module), `lab` (a server of its own and a page on it), `open_page` (any local address,
every request to elsewhere refused and reported as a failure). Playwright keeps an event loop on the test's thread while it runs, so
the browser lives no longer than its module: tests that execute notebooks in this process must not follow inside it.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest

_LOCAL = {"127.0.0.1", "localhost", ""}  # "" stands for data:, blob: and file: addresses
# A browser that reaches this machine only and asks nobody for updates; no sandbox, because containers run tests as root.
_FLAGS = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _chromium() -> str | None:
    """The machine's own Chromium or Chrome; GLMKIT_CHROMIUM names another."""
    names = [os.environ.get("GLMKIT_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = _chromium()
    if program is None:
        pytest.skip("no chromium on this machine (apt install chromium, or set GLMKIT_CHROMIUM)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@contextmanager
def _offline_page(browser: Any, **options: Any) -> Iterator[Any]:
    """A page of its own context; leaving the block fails if the page asked for anything outside this machine."""
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | options)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    try:
        yield context.new_page()
    finally:
        context.close()
    elsewhere = [url for url in asked if (urlsplit(url).hostname or "") not in _LOCAL]
    assert elsewhere == [], f"the page asked for what is not on this machine: {elsewhere}"


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(path_or_url, **options)` opens a file or a local address; options go to the browser's context."""
    opened = []

    def open_one(where: str | Path, **options: Any) -> Any:
        manager = _offline_page(chromium, **options)
        page = manager.__enter__()
        opened.append(manager)
        page.goto(where.resolve().as_uri() if isinstance(where, Path) else where)
        return page

    yield open_one
    for manager in reversed(opened):
        manager.__exit__(None, None, None)


@dataclass
class Lab:
    """A running JupyterLab: its address, token and root folder, and a page of the browser on it."""

    url: str
    token: str
    root: Path
    page: Any

    def open(self, notebook: str) -> None:
        """Open a notebook of the root folder and wait until its kernel is there."""
        self.page.goto(f"{self.url}lab/tree/{notebook}?token={self.token}&reset")
        self.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=30_000)
        # The indicator in the toolbar says idle before there is a kernel; the status bar does not.
        self.page.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle")).wait_for(timeout=30_000)

    def menu(self, *path: str) -> None:
        """Click through the menu bar, as in `menu("Run", "Run All Cells")`."""
        self.page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{path[0]}$")).click()
        for entry in path[1:]:
            label = self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(entry)}$"))
            self.page.locator(".lm-Menu-item").filter(has=label).click()

    def run_all(self) -> None:
        """Run All Cells, through the menu."""
        self.menu("Run", "Run All Cells")

    def wait_idle(self, timeout: float = 30.0) -> None:
        """Wait until the kernel rests."""
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=1000 * timeout)

    def save(self, notebook: str) -> Any:
        """Save through the menu and return the notebook as it lies on disk."""
        path, before = self.root / notebook, (self.root / notebook).stat().st_mtime_ns
        self.menu("File", "Save Notebook")
        _wait(lambda: path.stat().st_mtime_ns != before and _complete(path), 10, f"{notebook} to be saved")
        return nbformat.read(path, as_version=4)

    def theme(self, name: str) -> None:
        """Change the theme, as in `theme("JupyterLab Dark")`."""
        self.menu("Settings", "Theme", name)
        dark = "false" if "Dark" in name else "true"
        self.page.locator(f"body[data-jp-theme-light='{dark}']").wait_for(state="attached", timeout=10_000)
        self.page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=10_000)


def _wait(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


@contextmanager
def _server(folder: Path, token: str) -> Iterator[str]:
    """A JupyterLab on a free port of 127.0.0.1, its settings and runtime files inside `folder`; gone afterwards."""
    places = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    places |= {"IPYTHONDIR": str(folder / "ipython"), "HOME": str(folder), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    places |= {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "PYTHONDONTWRITEBYTECODE": "1", "JUPYTER_TOKEN": token}
    root, switches = folder / "root", folder / "config" / "labconfig" / "page_config.json"
    root.mkdir()
    switches.parent.mkdir(parents=True)
    switches.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += ["--ServerApp.port=0", f"--ServerApp.root_dir={root}", "--LabApp.extension_manager=readonly"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = folder / "server.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command, env=os.environ | places, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        info = folder / "runtime" / f"jpserver-{server.pid}.json"
        _wait(lambda: server.poll() is not None or _complete(info), 40, "the server to start")
        assert server.poll() is None, f"jupyter lab ended at once:\n{log.read_text()[-3000:]}"
        yield json.loads(info.read_text())["url"]
    finally:
        _end(server, info, token)


def _complete(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return False


def _end(server: subprocess.Popen[bytes], info: Path, token: str) -> None:
    """Ask the server to end its kernels and itself; end its own process group if it will not."""
    if server.poll() is None and _complete(info):
        address = f"{json.loads(info.read_text())['url']}api/shutdown"
        request = urllib.request.Request(address, method="POST", headers={"Authorization": f"token {token}"})
        try:
            urllib.request.urlopen(request, timeout=5).close()
            server.wait(timeout=10)
        except (urllib.error.URLError, subprocess.TimeoutExpired, TimeoutError):
            pass  # the group is ended below
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(timeout=10)


@pytest.fixture(scope="module")
def _lab_server(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
    folder, token = tmp_path_factory.mktemp("lab"), secrets.token_hex(16)
    with _server(folder, token) as url:
        yield url, token, folder / "root"


@pytest.fixture
def lab(chromium: Any, _lab_server: tuple[str, str, Path]) -> Iterator[Lab]:
    """JupyterLab with a fresh page; one server a module."""
    url, token, root = _lab_server
    with _offline_page(chromium) as page:
        yield Lab(url, token, root, page)
