"""The simulation of a folder of photographs, held by laws."""

import pytest

from benchmarks.folder_costs import Costs, simulate
from benchmarks.workers_speed import speedup

COSTS = Costs(read=0.01, compute=1.0, write=0.04, megabytes=0.5)
ALIKE = {"spread": 0.0, "megapixels": 10.0, "start": 0.0, "sample": 3000}


def test_cores_share_the_work_where_nothing_else_is_slow():
    options = {**ALIKE, "machine_megabytes_per_second": 1e9, "cores": 10}
    hours = simulate(COSTS, 10, 30_000, **options, megabytes_per_second=1e10)
    assert hours == pytest.approx(30_000 * 10 * 1.05 / 100 / 3600, rel=1e-6)


def test_storage_bounds_the_time_of_many_machines():
    for machines in (100, 1000):
        hours = simulate(
            COSTS, machines, 1_000_000, **ALIKE, megabytes_per_second=50.0
        )
        least = 1_000_000 * 10 * 0.5 / 50 / 3600
        assert least < hours < 1.02 * least


def test_more_photographs_machines_and_pixels_cost_as_they_should():
    hours = simulate(COSTS, 4, 40_000, sample=2000)
    assert simulate(COSTS, 4, 80_000, sample=2000) > 1.9 * hours
    assert simulate(COSTS, 8, 40_000, sample=2000) < 0.6 * hours
    assert simulate(COSTS, 4, 40_000, sample=2000, megapixels=24) > 1.9 * hours


def test_the_speedup_of_machines_is_bounded_by_what_gradients_cost():
    assert speedup(1.0, 0.6, 1) == pytest.approx(1.0)
    assert speedup(1.0, 0.6, 2) == pytest.approx(1.0 / 0.6)
    assert speedup(1.0, 0.5, 64) == pytest.approx(64.0)
    assert 4.0 < speedup(1.0, 0.6, 64) < speedup(1.0, 0.6, 10**6) < 5.0
