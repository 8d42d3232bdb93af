"""Two logical CPUs for the replica tests, and a clean state for each test."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
if "PYTEST_XDIST_WORKER" in os.environ:  # A core for each process.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import keras
import pytest
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry


def optimize_graphs(really):
    """Whether TensorFlow's Grappler optimizes what is traced from here on."""
    options = {"disable_meta_optimizer": not really}
    tf.config.optimizer.set_experimental_options(options)


# What a test traces runs a few steps: to optimize its graph takes longer.
optimize_graphs(False)

# Before anything touches the device.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


# What the imports made is never garbage: collections need not look at it.
gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def freed_graphs():
    """Lets go of the graphs that a file's tests traced.

    The gradients of Keras' optimizers pass `all_reduce`, whose gradient
    TensorFlow registers under a new name, and its graph with it, for good.
    """
    yield
    names = gradient_registry._registry
    for name in [name for name in names if name.startswith("CustomGradient-")]:
        del names[name]
    gc.collect()
    # What is left after a file is for all: later collections pass it by.
    gc.freeze()


@pytest.fixture(scope="session")
def two_replicas():
    """A strategy of two replicas; one for the whole process."""
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"],
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )


@pytest.fixture
def optimized_graphs():
    """As users have them."""
    optimize_graphs(True)
    yield
    optimize_graphs(False)


@pytest.fixture(autouse=True)
def same_randomness():
    """Each test starts from the same seeds and in float32."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def ray_cluster():
    """A small Ray cluster on this machine alone; skips where Ray is missing."""
    ray = pytest.importorskip("ray", reason="needs the extra `distributed`")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        num_cpus=2,
        num_gpus=0,
        object_store_memory=200 * 2**20,
        log_to_driver=False,
    )
    yield ray
    ray.shutdown()
