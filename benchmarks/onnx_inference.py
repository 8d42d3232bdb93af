"""Exported networks in ONNX Runtime: a peer's script.

Arguments: side of the image, threads, and the files. A line "INDEX COUNT" runs
that file so many times on one color image and is answered with the seconds of
each.
"""

import sys
import time

import numpy as np
import onnxruntime


def main(side, threads, *files):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    sessions = [onnxruntime.InferenceSession(file, options) for file in files]
    image = np.random.default_rng(0).random((1, int(side), int(side), 3))
    for line in sys.stdin:
        index, count = map(int, line.split())
        session = sessions[index]
        inputs = {
            each.name: np.float32(image)
            if each.shape[-1] == 3
            else np.full((1, 1, 1, 1), 0.1, "float32")
            for each in session.get_inputs()
        }
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            session.run(None, inputs)
            seconds.append(time.perf_counter() - start)
        print(*seconds, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
