"""Feature networks of the scores: a SqueezeNet that no loss here uses.

It is another training than torchvision's, to which the linear weights of
LPIPS were fitted: its figures are comparable with each other alone.
"""

import keras

from benchmarks.rows import data_folder, figure
from keras_synth import metrics, networks
from keras_synth.layers.antialiased_resizing import AntialiasedResizing


def perceptual_metric(channels):
    """Perceptual distance (SqueezeNet), with LPIPS's linear weights."""
    weights = metrics.lpips_linear_weights(
        data_folder() / "weights" / "lpips_lin_v0.1.npz", "squeeze"
    )
    return metrics.PerceptualDistance(squeezenet(channels), weights)


def pooled_squeezenet(channels=1):
    """Its last map, averaged, of images at 227x227: 512 features."""
    image = keras.Input((None, None, channels), name="image")
    x = AntialiasedResizing(227, 227)(image)
    maps = squeezenet(channels, ("fire9",))(x)["fire9"]
    return networks.FeatureNetwork(
        image, keras.ops.mean(maps, axis=(1, 2)), name="squeezenet"
    )


def kernel_distance(features, ours, theirs):
    """Kernel distance of two sets of images, as a figure of a row.

    Args:
        features: Feature network, such as `pooled_squeezenet()`.
        ours: Images, (n, height, width, channels) in [0, 1].
        theirs: The images to compare with, likewise.
    """
    ours, theirs = (
        features.predict(images, batch_size=50, verbose=0)
        for images in (ours, theirs)
    )
    distance = metrics.KernelDistance(
        feature_dim=ours.shape[1], subset_size=100
    )
    distance.update_state(theirs, ours)
    return figure(
        distance.result(), better="lower", error=distance.standard_error()
    )


def squeezenet(channels, *layers):
    """Its maps, of images of so many channels."""
    return networks.squeezenet_features(
        squeezenet_file(), *layers, channels=channels
    )


def squeezenet_file():
    """Path of its weights."""
    return data_folder() / "weights" / "squeezenet_v1.1_notop_tf_kernels.h5"
