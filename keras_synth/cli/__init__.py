"""The command line, `keras-synth`: one file a command."""
