"""Workers: the processes of one machine that train together."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

# How long the chief has to tell its own error, in seconds.
_PATIENCE = 10.0


def run_workers(argv, count):
    """Runs a command in several processes, which find each other by TF_CONFIG.

    The first is the chief, which prints. As soon as one fails, all are ended.

    Args:
        argv: List of the words that were typed.
        count: Number of processes.

    Returns:
        Exit code: 0, or that of the process that failed first.

    Raises:
        ValueError: `count` is below 1.
        ChildProcessError: A process was killed.
    """
    if count < 1:
        raise ValueError(f"`workers` must be at least 1. Received: {count}")
    # The workers end with this process, which otherwise would leave them.
    before = signal.signal(
        signal.SIGTERM, lambda number, _: sys.exit(128 + number)
    )
    addresses = free_addresses(count)
    threads = max(1, (os.cpu_count() or 1) // count)
    with tempfile.TemporaryFile() as errors:
        processes = []
        try:
            for index in range(count):
                config = {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
                environment = {
                    "TF_NUM_INTRAOP_THREADS": str(threads),
                    **os.environ,
                    "TF_CONFIG": json.dumps(config),
                }
                others = {"stdout": subprocess.DEVNULL, "stderr": errors}
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "keras_synth", *argv],
                        env=environment,
                        **(others if index else {}),
                    )
                )
            code = _first_code(processes)
            if code and not processes[0].returncode:
                errors.seek(0)  # The chief has said nothing.
                sys.stderr.write(errors.read().decode(errors="replace"))
            return code
        finally:
            for process in processes:
                process.kill()
                process.wait()
            signal.signal(signal.SIGTERM, before)


def free_addresses(count):
    """Addresses of this machine that nothing listens to, a list of str.

    Args:
        count: Number of addresses.
    """
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


def _first_code(processes):
    """The first exit code that is not 0, or 0 when all have ended."""
    failed = []
    while not failed:
        codes = [process.poll() for process in processes]
        if all(code == 0 for code in codes):
            return 0
        failed = [i for i, code in enumerate(codes) if code]
        time.sleep(0.1)
    first = processes[failed[0]].returncode
    if first < 0:
        raise ChildProcessError(
            f"Worker {failed[0]} was killed "
            f"({signal.Signals(-first).name}): --resume goes on after the "
            "last finished epoch."
        )
    # All that share a mistake fail: the chief's message is enough.
    end = time.monotonic() + _PATIENCE
    while processes[0].poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    return first
