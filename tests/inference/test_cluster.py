"""A pool of processes on Ray: each call once, whatever is lost."""

import os
import signal
import sys

import pytest

from keras_synth.inference import cluster


def test_ray_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"keras_synth\[distributed\]"):
        cluster.connect_to_ray()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Ray's own
def test_each_call_ends_once_whatever_is_lost(ray_cluster, tmp_path):
    def function(number, folder, again):
        with open(folder / f"{number}.txt", "a") as file:
            file.write(f"{os.getpid()} {again}\n")
        if number == 3 and not again or number == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 4:
            raise KeyError(number)
        return number**2, os.environ["TF_NUM_INTRAOP_THREADS"]

    calls = [(number, tmp_path) for number in range(20)]
    ended = {}
    for index, value, error in cluster.call_on_ray(function, calls):
        assert index not in ended
        ended[index] = value, error
    assert sorted(ended) == list(range(20))
    (_, own), (_, lost) = ended.pop(4), ended.pop(5)
    assert type(own) is KeyError and own.args == (4,)
    assert isinstance(lost, ray_cluster.exceptions.RayActorError)
    for index, (value, error) in ended.items():
        assert value == (index**2, "1") and error is None
    tries = [(tmp_path / f"{n}.txt").read_text().split("\n") for n in (3, 4, 5)]
    assert [len(lines) - 1 for lines in tries] == [2, 1, 4]
    assert len({line.split()[0] for line in tries[2] if line}) == 4


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_function_that_no_process_can_load_is_an_error(ray_cluster):
    class Broken:
        def __reduce__(self):
            return int, ("no number",)

    broken = Broken()

    def function(number, again):
        return broken

    with pytest.raises(Exception, match="no number"):
        list(cluster.call_on_ray(function, [(1,), (2,)]))
