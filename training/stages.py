"""Stages of the run: each makes one file in the work folder, once, and notes how long it took."""

import json
import time
from collections.abc import Callable
from pathlib import Path


class Stages:
    def __init__(self, work: Path) -> None:
        self.work = work
        self.work.mkdir(parents=True, exist_ok=True)
        self.seconds_file = work / "seconds.json"

    def make(self, name: str, build: Callable[[Path], None]) -> Path:
        """The file `name`, built unless an earlier run left it. Half-made files never get that name."""
        path = self.work / name
        if path.exists():
            print(f"{name}: kept from an earlier run", flush=True)
            return path
        started = time.monotonic()
        unfinished = path.with_name(f"unfinished-{name}")
        build(unfinished)
        unfinished.rename(path)
        self.note_seconds(name, time.monotonic() - started)
        return path

    def note_seconds(self, name: str, seconds: float) -> None:
        noted = {**self.seconds(), name: round(seconds)}
        self.seconds_file.write_text(json.dumps(noted, indent=2))
        print(f"{name}: made in {seconds:.0f} s", flush=True)

    def seconds(self) -> dict[str, int]:
        return json.loads(self.seconds_file.read_text()) if self.seconds_file.exists() else {}
