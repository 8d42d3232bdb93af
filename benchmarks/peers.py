"""Programs to compare with, each in an environment of its own."""

import pathlib
import subprocess
import sys
import venv

from benchmarks.rows import RUNS


def peer_python(name, requirements):
    """The Python of an environment that holds a peer; made when needed.

    Args:
        name: of the environment, a folder in `runs/peers`.
        requirements: what pip installs into it, versions pinned.

    Returns:
        Path of its interpreter.
    """
    folder = RUNS.parent / "peers" / name
    python = folder / "bin" / "python"
    ready = folder / "ready.txt"
    wanted = "\n".join(requirements)
    if not ready.exists() or ready.read_text() != wanted:
        print(f"installing {', '.join(requirements)} into {folder}")
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", *requirements]
        subprocess.run(install, check=True)
        ready.write_text(wanted)
    return python


class Peer:
    """A script that runs elsewhere and answers one line with one line.

    Args:
        python: interpreter, see `peer_python`.
        script: its path.
        *arguments: of the script.
    """

    def __init__(self, python, script, *arguments):
        self.process = subprocess.Popen(
            [python, pathlib.Path(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
        )

    def ask(self, line):
        """Sends a line, and gives the one that comes back."""
        print(line, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"The peer ended: {self.process.args}")
        return answer.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)
