"""Runs the Rust programs under test, and posts scripts for the streams of the fixture.

Builds nothing, so that a build does not count as a test's time. scripts/test.sh builds first.
"""

import json
import pathlib
import re
import subprocess
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Long enough for a machine whose cores are all busy.
PATIENCE = 60


class Program:
    """A process, once it has printed its address."""

    def __init__(self, path: str, build: str, *arguments: str) -> None:
        metadata = subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )
        binary = pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "debug" / path
        if not binary.exists():
            raise FileNotFoundError(f"{binary} is missing: {build}")
        self._process = subprocess.Popen([binary, "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, text=True)
        # A program that ends closes its output.
        line = self._process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if not found:
            self.stop()
            raise RuntimeError(f"{path} printed no address but {line!r}")
        self.url = found[0]

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._process.stdout.close()


class Fixture(Program):
    """The server of scripts."""

    def __init__(self) -> None:
        super().__init__("touka-fixture", "cargo build -p touka-tests --bin touka-fixture")

    def post(self, script: dict) -> str:
        """Stores a script. Returns the URL that plays it."""
        return f"{self.url}/scripts/{_call(f'{self.url}/scripts', 'POST', json.dumps(script))}"


def seen(url: str) -> list:
    """The `Last-Event-ID` of each request; None without one."""
    return _state(url)["seen"]


def finish(url: str, is_left: threading.Event) -> None:
    """Waits until a script's last step is done, and closes its stream as a shutdown does. Returns if its client has left."""
    give_up = time.monotonic() + PATIENCE
    while not _state(url)["done"]:
        if is_left.is_set():
            return
        if time.monotonic() > give_up:
            raise TimeoutError(f"{url} is not read to its end")
        time.sleep(0.01)
    _call(url, "DELETE")


def script(*, topic=None, whole_blocks=False, named=False) -> dict:
    """Events with comments, keep-alives and reconnection times in between, and silence after the last.

    `quiet` is a silence: the fixture waits until the keep-alive has written that many bytes. `topic` publishes the events
    to a topic that the client follows.
    """
    quiet = {"quiet": 9 if whole_blocks else 6}
    lines = [] if topic else [{"comment": "a comment"}, {"retry": 120_000}]
    second = {"data": '{"n":2}', "id": "2"}
    if named:
        second["event"] = "note"
    return {
        # Longer than any test waits: a client that reconnects sooner has read a later `retry`.
        "retry": 120_000,
        "keep_alive": 40,
        "whole_blocks": whole_blocks,
        "topic": topic,
        "stays": True,
        "steps": [
            *lines, quiet,
            {"event": "note", "data": '{"n":1}', "id": "1"}, quiet,
            second, *lines, quiet,
            {"event": "note", "data": '{"n":3}', "id": "3"}, quiet,
        ],
    }


def _state(url: str) -> dict:
    return json.loads(_call(f"{url}/state", "GET"))


def _call(url: str, method: str, body: str = "") -> str:
    request = urllib.request.Request(url, body.encode() if body else None, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return response.read().decode()
