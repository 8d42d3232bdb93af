"""The figures of the README, and the commands that make them."""
