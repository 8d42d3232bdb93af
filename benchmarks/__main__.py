"""`python -m benchmarks [NAME]`: lists the benchmarks, or runs one."""

import importlib
import sys

# name: (module, expected minutes on two cores, what it measures)
BENCHMARKS = {
    "vae": ("likelihood", 20, "test NLL of a VAE on MNIST"),
    "iwae": ("likelihood", 40, "the same, importance-weighted bound"),
    "vae_dense": ("likelihood", 8, "the VAE with fully connected networks"),
    "iwae_dense": ("likelihood", 15, "the same, importance-weighted bound"),
    "vae_5000": ("likelihood", 5, "the VAE's with 5,000 samples"),
    "step_time": ("speed", 2, "fit's step against a bare compiled loop"),
    "pipeline": ("speed", 2, "pictures/s against a bare tf.data loop"),
    "import_time": ("speed", 1, "import keras_synth beyond TensorFlow"),
    "demo": ("demo", 5, "the demo's digits under a digit classifier"),
    "table": ("rows", 0, "writes the README's tables from all rows"),
}


def main(argv):
    """Runs the benchmark named, or lists all."""
    if len(argv) != 1 or argv[0] not in BENCHMARKS:
        print("make benchmark NAME=...\n")
        for name, (_, minutes, what) in BENCHMARKS.items():
            print(f"  {name:14}{minutes:>3} min  {what}")
        return 2 if argv and argv[0] not in BENCHMARKS else 0
    (name,) = argv
    module = importlib.import_module(f"benchmarks.{BENCHMARKS[name][0]}")
    module.write_tables() if name == "table" else module.run(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
