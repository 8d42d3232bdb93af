"""Whether a generator invents pictures or repeats its training set."""

import numpy as np
from keras import ops

from keras_synth.metrics.feature_metric import (
    check_feature_network,
    check_picture_values,
    check_positive_int,
    describe_extractor,
    picture_features,
)
from keras_synth.ops import pairwise_distances
from keras_synth.pictures import picture_grid


def nearest_training_pictures(
    samples, training_images, features, num_neighbours=5, batch_size=250
):
    """The training pictures most like each sample, to look at.

    Args:
        samples: generated pictures, (n, height, width, channels) in [0, 1].
        training_images: (m, height, width, channels), in [0, 1].
        features: scoring network, a `keras.Model` from pictures to (batch,
            d), in whose features distances are measured; None compares
            pixels.
        num_neighbours: k, training pictures shown for each sample.
        batch_size: pictures at a time.

    Returns:
        `(grid, indices, distances)`: float32 picture with each sample at the
        left of its row, followed by its neighbours, nearest first; their
        positions in `training_images`, int (n, k); Euclidean distances,
        float64 (n, k).

    Raises:
        TypeError: `features` is no network.
        ValueError: pictures of unequal shapes or out of range, or fewer than
            k training pictures.

    Reference: Borji, Pros and Cons of GAN Evaluation Measures, 2019, the
    qualitative measure "nearest neighbours".

    Example:

    >>> training = np.zeros((3, 2, 2, 1))
    >>> training[1] = 1.0
    >>> grid, indices, distances = nearest_training_pictures(
    ...     training[1:2], training, features=None, num_neighbours=1)
    >>> indices.tolist(), distances.tolist()
    ([[1]], [[0.0]])
    """
    check_positive_int("num_neighbours", num_neighbours)
    samples = _pictures("samples", samples)
    training_images = _pictures("training_images", training_images, samples)
    if num_neighbours > len(training_images):
        raise ValueError(
            "`num_neighbours` must be at most the number of training pictures, "
            f"{len(training_images)}. Received: {num_neighbours}"
        )
    indices, distances = _nearest(
        _vectors(samples, features, batch_size),
        _vectors(training_images, features, batch_size),
        num_neighbours,
        batch_size,
    )
    rows = [
        picture
        for sample, neighbours in zip(samples, indices, strict=True)
        for picture in (sample, *training_images[neighbours])
    ]
    grid = picture_grid(rows, columns=num_neighbours + 1)
    return grid, indices, distances


def memorisation(
    samples, training_images, test_images, features, batch_size=250
):
    """How near samples lie to the training set, against new pictures.

    `d(x)` is the Euclidean distance of a picture's features to those of the
    nearest training picture. A generator that has learned the distribution
    puts its samples as far away as real pictures it was not trained on.

    Args:
        samples: generated pictures, (n, height, width, channels) in [0, 1].
        training_images: (m, height, width, channels), in [0, 1].
        test_images: real pictures that were not trained on, of that shape;
            some hundreds at least, for 1 % of them to mean something.
        features: scoring network, a `keras.Model` from pictures to (batch,
            d); None compares pixels.
        batch_size: pictures at a time.

    Returns:
        dict:
        "sample_distance", the median d of the samples;
        "test_distance", the median d of the test pictures;
        "ratio", the first over the second: about 1, as far as new pictures
        are; towards 0, copies;
        "copies", the share of samples not farther from the training set than
        the nearest 1 % of the test pictures: about 0.01 without copies;
        "num_samples", "num_training" and "num_test"; and "extractor",
        "weight_hash", "input_size" and "resizing" of the features.

    Raises:
        TypeError: `features` is no network.
        ValueError: pictures of unequal shapes or out of range, or test
            pictures that are training pictures.

    Reference: Meehan et al., A Non-Parametric Test to Detect Data-Copying in
    Generative Models, 2020: samples against a held-out set.

    Example:

    >>> pictures = np.random.default_rng(0).uniform(size=(30, 4, 4, 1))
    >>> report = memorisation(
    ...     pictures[:10], pictures[:20], pictures[20:], features=None)
    >>> report["ratio"], report["copies"]
    (0.0, 1.0)
    """
    samples = _pictures("samples", samples)
    training_images = _pictures("training_images", training_images, samples)
    test_images = _pictures("test_images", test_images, samples)
    training = _vectors(training_images, features, batch_size)
    sample_distances, test_distances = (
        _nearest(
            _vectors(images, features, batch_size), training, 1, batch_size
        )[1]
        for images in (samples, test_images)
    )
    test_distance = float(np.median(test_distances))
    if test_distance == 0.0:
        raise ValueError(
            "`test_images` must be pictures that were not trained on. "
            "Received: test pictures most of which are training pictures"
        )
    sample_distance = float(np.median(sample_distances))
    close = np.quantile(test_distances, 0.01)
    return {
        "sample_distance": sample_distance,
        "test_distance": test_distance,
        "ratio": sample_distance / test_distance,
        "copies": float(np.mean(sample_distances <= close)),
        "num_samples": len(samples),
        "num_training": len(training_images),
        "num_test": len(test_images),
        **describe_extractor(features),
        **({} if features else {"extractor": "pixels"}),
    }


def _pictures(name, images, samples=None):
    """As an array, of the shape of `samples`."""
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            f"`{name}` must be (n, height, width, channels), n at least 1. "
            f"Received: shape {images.shape}"
        )
    if samples is not None and images.shape[1:] != samples.shape[1:]:
        raise ValueError(
            f"`{name}` must be pictures of the samples' shape, "
            f"{samples.shape[1:]}. Received: {images.shape[1:]}"
        )
    check_picture_values(images)
    return images


def _vectors(images, features, batch_size):
    """Features, or pixels, float64 (n, d)."""
    check_positive_int("batch_size", batch_size)
    if features is None:
        vectors = images.reshape(len(images), -1).astype("float64")
    else:
        check_feature_network(features)
        vectors = np.concatenate(
            [
                picture_features(features, images[start : start + batch_size])
                for start in range(0, len(images), batch_size)
            ]
        )
    if not np.isfinite(vectors).all():
        raise ValueError(
            "Pictures and their features must be finite. Received: NaN or Inf"
        )
    return vectors


def _nearest(vectors, training, count, batch_size):
    """Positions and distances of the `count` nearest, each (n, count)."""
    indices = np.concatenate(
        [
            ops.top_k(
                -pairwise_distances(
                    vectors[start : start + batch_size], training
                ),
                count,
            )[1]
            for start in range(0, len(vectors), batch_size)
        ]
    )
    # Anew and exactly: a copy lies at 0.
    distances = [
        np.linalg.norm(training[neighbours] - vector, axis=1)
        for vector, neighbours in zip(vectors, indices, strict=True)
    ]
    return indices, np.array(distances)
