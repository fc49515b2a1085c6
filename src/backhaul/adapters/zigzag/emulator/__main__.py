"""Run the emulator by itself: `python -m backhaul.adapters.zigzag.emulator [--state FILE] [--port N]`."""

from argparse import ArgumentParser
from pathlib import Path

from backhaul.adapters.zigzag.emulator.server import run

if __name__ == "__main__":
    words = ArgumentParser(description="A stand-in for ZigZag; synthetic events from real credit lines.")
    words.add_argument("--state", type=Path, default=None, help="SQLite file that survives a restart")
    words.add_argument("--host", default="127.0.0.1")
    words.add_argument("--port", type=int, default=0)
    given = words.parse_args()
    run(given.state, given.host, given.port)
