"""Memorization: whether a generator copies its training images."""

import numpy as np
from keras import ops

from keras_synth.io import image_grid
from keras_synth.metrics.feature_metric import (
    check_feature_network,
    check_image_values,
    check_positive_int,
    describe_extractor,
    image_features,
)
from keras_synth.ops import pairwise_distances


def nearest_training_images(
    samples, training_images, features, num_neighbors=5, batch_size=250
):
    """Finds the nearest training images of each sample.

    Args:
        samples: Generated images, (n, height, width, channels) in [0, 1].
        training_images: Training images, (m, height, width, channels) in
            [0, 1].
        features: Feature network, a `keras.Model` from images to (batch, d).
            Distances are Euclidean distances of features. None takes pixels.
        num_neighbors: Number of training images for each sample, k.
        batch_size: Number of images that are compared at a time.

    Returns:
        `(grid, indices, distances)`: an image, float32 (grid height, grid
        width, channels), with a row for each sample, which is at the left and
        followed by its neighbors, the nearest first; the indices of the
        neighbors in `training_images`, int (n, k); and their Euclidean
        distances, float64 (n, k).

    Raises:
        TypeError: `features` is not a `keras.Model`.
        ValueError: Images have unequal shapes or are out of range, or there
            are fewer than k training images.

    Reference: Borji, Pros and Cons of GAN Evaluation Measures, 2019, the
    qualitative measure "nearest neighbors".

    Example:

    >>> training = np.zeros((3, 2, 2, 1))
    >>> training[1] = 1.0
    >>> grid, indices, distances = nearest_training_images(
    ...     training[1:2], training, features=None, num_neighbors=1)
    >>> indices.tolist(), distances.tolist()
    ([[1]], [[0.0]])
    """
    check_positive_int("num_neighbors", num_neighbors)
    samples = checked_images("samples", samples)
    training_images = checked_images(
        "training_images", training_images, samples
    )
    if num_neighbors > len(training_images):
        raise ValueError(
            "`num_neighbors` must be at most the number of training images, "
            f"{len(training_images)}. Received: {num_neighbors}"
        )
    indices, distances = nearest_vectors(
        image_vectors(samples, features, batch_size),
        image_vectors(training_images, features, batch_size),
        num_neighbors,
        batch_size,
    )
    rows = [
        image
        for sample, neighbors in zip(samples, indices, strict=True)
        for image in (sample, *training_images[neighbors])
    ]
    grid = image_grid(rows, columns=num_neighbors + 1)
    return grid, indices, distances


def memorization(
    samples, training_images, test_images, features, batch_size=250
):
    """Memorization: distances of samples and test images to training images.

    `d(x)` is the Euclidean distance of an image's features to those of the
    nearest training image. If the generator has learned the distribution,
    samples are as far from the training images as real images are that were
    not trained on. If it copies training images, samples are nearer.

    Args:
        samples: Generated images, (n, height, width, channels) in [0, 1].
        training_images: Training images, (m, height, width, channels) in
            [0, 1].
        test_images: Real images that were not trained on, of the same shape.
            There should be some hundreds, since 1 % of them is the threshold
            of "copies".
        features: Feature network, a `keras.Model` from images to (batch, d).
            None takes pixels.
        batch_size: Number of images that are compared at a time.

    Returns:
        A dict with

        - "sample_distance": median d of the samples;
        - "test_distance": median d of the test images;
        - "ratio": the first divided by the second, about 1 without
          memorization and near 0 for copies;
        - "copies": share of samples that are as near to a training image as
          the nearest 1 % of the test images, about 0.01 without memorization;
        - "num_samples", "num_training", "num_test": numbers of images;
        - "extractor", "weight_hash", "input_size", "resizing": description of
          the feature network.

    Raises:
        TypeError: `features` is not a `keras.Model`.
        ValueError: Images have unequal shapes or are out of range, or most
            test images are training images.

    Reference: Meehan et al., A Non-Parametric Test to Detect Data-Copying in
    Generative Models, 2020: samples against a held-out set.

    Example:

    >>> images = np.random.default_rng(0).uniform(size=(30, 4, 4, 1))
    >>> report = memorization(
    ...     images[:10], images[:20], images[20:], features=None)
    >>> report["ratio"], report["copies"]
    (0.0, 1.0)
    """
    samples = checked_images("samples", samples)
    training_images = checked_images(
        "training_images", training_images, samples
    )
    test_images = checked_images("test_images", test_images, samples)
    training = image_vectors(training_images, features, batch_size)
    sample_distances, test_distances = (
        nearest_vectors(
            image_vectors(images, features, batch_size), training, 1, batch_size
        )[1]
        for images in (samples, test_images)
    )
    return {
        **summarize_distances(sample_distances, test_distances),
        "num_training": len(training_images),
        **describe_extractor(features),
        **({} if features else {"extractor": "pixels"}),
    }


def summarize_distances(sample_distances, test_distances):
    """Memorization from the distances to the nearest training image.

    Args:
        sample_distances: Those of the samples, an array.
        test_distances: Those of the test images, an array.

    Returns:
        A dict as `memorization` gives it, without "num_training" and the
        description of the feature network.

    Raises:
        ValueError: Most test images are training images.
    """
    test_distance = float(np.median(test_distances))
    if test_distance == 0.0:
        raise ValueError(
            "`test_images` must be images that were not trained on. "
            "Received: test images most of which are training images"
        )
    sample_distance = float(np.median(sample_distances))
    close = np.quantile(test_distances, 0.01)
    return {
        "sample_distance": sample_distance,
        "test_distance": test_distance,
        "ratio": sample_distance / test_distance,
        "copies": float(np.mean(sample_distances <= close)),
        "num_samples": len(sample_distances),
        "num_test": len(test_distances),
    }


def checked_images(name, images, samples=None):
    """Converts images to an array and compares its shape to `samples`."""
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            f"`{name}` must be (n, height, width, channels), n at least 1. "
            f"Received: shape {images.shape}"
        )
    if samples is not None and images.shape[1:] != samples.shape[1:]:
        raise ValueError(
            f"`{name}` must be images of the samples' shape, "
            f"{samples.shape[1:]}. Received: {images.shape[1:]}"
        )
    check_image_values(images)
    return images


def image_vectors(images, features, batch_size=250):
    """Features or pixels as vectors, float64 (n, d)."""
    check_positive_int("batch_size", batch_size)
    if features is None:
        vectors = images.reshape(len(images), -1).astype("float64")
    else:
        check_feature_network(features)
        vectors = np.concatenate(
            [
                image_features(features, images[start : start + batch_size])
                for start in range(0, len(images), batch_size)
            ]
        )
    if not np.isfinite(vectors).all():
        raise ValueError(
            "Images and their features must be finite. Received: NaN or Inf"
        )
    return vectors


def nearest_vectors(vectors, training, count, batch_size=250):
    """Indices and distances of the `count` nearest, each (n, count)."""
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
    # Computed again in float64, so that the distance of a copy is exactly 0.
    distances = [
        np.linalg.norm(training[neighbors] - vector, axis=1)
        for vector, neighbors in zip(vectors, indices, strict=True)
    ]
    return indices, np.array(distances)
