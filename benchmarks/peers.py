"""Libraries to compare with, each in a virtual environment of its own."""

import subprocess
import sys

from benchmarks.rows import ROOT


def peer_python(name, requirements):
    """The Python of a peer's environment, made and filled where it is not.

    Args:
        name: Name of the peer; its environment is `runs/peers/NAME/.venv`.
        requirements: What pip installs, a list of str with versions.

    Returns:
        Path of the interpreter.

    Raises:
        SystemExit: pip could not install them.
    """
    folder = ROOT / "runs" / "peers" / name
    python = folder / ".venv" / "bin" / "python"
    done = folder / "requirements.txt"
    wanted = "\n".join(requirements) + "\n"
    if done.exists() and done.read_text() == wanted:
        return python
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", folder / ".venv"],
            check=True,
        )
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *requirements],
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"The peer {name} could not be installed: {error}"
        ) from error
    done.write_text(wanted)
    return python


class Peer:
    """A script that runs elsewhere and answers each line with one line.

    A context manager: leaving it ends the script.

    Args:
        python: The interpreter, from `peer_python`.
        script: Text of the script.
        *arguments: Arguments of the script.
    """

    def __init__(self, python, script, *arguments):
        self._process = subprocess.Popen(
            [python, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line):
        """Sends a line, and gives the one that comes back."""
        print(line, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("The peer ended: see its message above.")
        return answer.strip()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
