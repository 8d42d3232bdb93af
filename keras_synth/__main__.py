"""`python -m keras_synth`: the command line."""

import sys

from keras_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
