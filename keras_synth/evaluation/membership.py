"""Membership inference: can one find out which images were trained on?

An attack gives each image a score, higher for an image that it takes for a
training image. Scores of training images and of others are compared: where
they overlap, nobody can know from the score whether an image was trained on.
"""

import dataclasses

import numpy as np

from keras_synth.evaluation.memorization import (
    image_vectors,
    nearest_vectors,
)
from keras_synth.models.vae import VAE

#: Share of false positives at which the true positive rate is quoted.
FALSE_POSITIVE_RATE = 0.01
_NEIGHBORS = 5


@dataclasses.dataclass(frozen=True)
class MembershipInference:
    """Result of an attack: how well scores tell training images from others.

    Attributes:
        auc: Area under the ROC curve: the probability that a training image
            has a higher score than another image. 0.5 is chance.
        auc_interval: (low, high), the 95 % interval of `auc`.
        tpr: True positive rate at 1 % false positives: the share of training
            images that are found while at most 1 % of the others are taken
            for training images. 0.01 is chance.
        tpr_interval: (low, high), the 95 % interval of `tpr`.
        num_members: Number of training images.
        num_others: Number of other images.
    """

    auc: float
    auc_interval: tuple
    tpr: float
    tpr_interval: tuple
    num_members: int
    num_others: int


def membership_inference(members, others, num_resamples=1000, seed=0):
    """Membership inference: evaluates an attack by its scores.

    Intervals are percentiles of the bootstrap: training images and others are
    drawn again with replacement, each as many as there are.

    Args:
        members: Scores of training images, (n,).
        others: Scores of images that were not trained on, (m,); for the true
            positive rate at least 100.
        num_resamples: Number of resamples of the bootstrap.
        seed: Seed of the resamples, an int.

    Returns:
        A `MembershipInference`.

    Raises:
        ValueError: Scores that are not vectors of finite numbers.

    Reference: Carlini et al., Membership Inference Attacks From First
    Principles, 2022, section III: true positives at few false positives.

    Example:

    >>> found = membership_inference([3.0, 4.0, 5.0, 1.0], [0.0, 2.0])
    >>> found.auc, found.tpr  # 7 of 8 pairs; 3 above both others
    (0.875, 0.75)
    """
    members, others = (
        _checked_scores(name, scores)
        for name, scores in (("members", members), ("others", others))
    )
    random = np.random.default_rng(seed)
    resampled = [
        _rates(
            random.choice(members, len(members)),
            random.choice(others, len(others)),
        )
        for _ in range(num_resamples)
    ]
    low, high = np.quantile(resampled, (0.025, 0.975), axis=0)
    auc, tpr = _rates(members, others)
    return MembershipInference(
        auc=auc,
        auc_interval=(float(low[0]), float(high[0])),
        tpr=tpr,
        tpr_interval=(float(low[1]), float(high[1])),
        num_members=len(members),
        num_others=len(others),
    )


def attack_scores(
    model,
    images,
    num_members,
    *,
    labels=None,
    samples=None,
    reference=None,
    reference_samples=None,
    num_latents=50,
    seed=0,
):
    """Scores of the attacks that a generative model allows.

    - "likelihood", for a model with `log_likelihood` (a VAE, flow matching):
      log p(x), since a model that overfits gives training images more
      probability.
    - "discriminator", for a model with `discriminate` (a GAN): the logit,
      since a discriminator may know the images that it saw.
    - "nearest sample": minus the distance of the pixels to the nearest
      generated image.

    Each has a second version, ", calibrated", since some images are easier
    than others whether they were trained on or not: the score minus that of a
    reference model (of log p(x): the likelihood ratio), or, without one,
    minus the mean score of the five images most similar in pixels that were
    not trained on.

    Args:
        model: Model with `sample`, such as a VAE or a GAN.
        images: Training images, followed by others, float32 (n, height,
            width, channels) in [0, 1].
        num_members: Number of the training images among them.
        labels: Class of each image, int (n,), for a class-conditional model.
        samples: Images that the model generated, (m, height, width,
            channels).
        reference: A model of the same kind that was trained on other images.
        reference_samples: Images that the reference generated, as many.
        num_latents: Number of latents for each image of a VAE's estimate of
            log p(x).
        seed: Seed of that estimate and of the order of the images.

    Returns:
        A dict, name of the attack → scores, float64 (n,).

    Reference: likelihood: Yeom et al. 2018; its ratio and calibration: Watson
    et al. 2022; discriminator: Hayes et al. (LOGAN) 2019; nearest sample:
    Chen et al. (GAN-Leaks) 2020.
    """
    vectors = image_vectors(images, None)

    def scores_of(model, samples):
        given = labels if is_conditional(model) else None
        return _model_scores(
            model, images, given, vectors, samples, num_latents, seed
        )

    scores = scores_of(model, samples)
    if reference is not None:
        expected = scores_of(reference, reference_samples)
    else:
        similar = _similar(vectors, num_members)
        expected = {name: x[similar].mean(axis=1) for name, x in scores.items()}
    calibrated = {
        f"{name}, calibrated": scores[name] - expected[name] for name in scores
    }
    return {**scores, **calibrated}


def is_conditional(model):
    """Whether a model with `sample` takes labels."""
    return getattr(model, "conditional", False)


def _model_scores(model, images, labels, vectors, samples, num_latents, seed):
    scores = {}
    if hasattr(model, "log_likelihood"):
        drawn = {"num_samples": num_latents} if isinstance(model, VAE) else {}
        scores["likelihood"] = model.log_likelihood(
            images, labels=labels, seed=seed, **drawn
        )
    if hasattr(model, "discriminate"):
        scores["discriminator"] = _logits(model, images, labels, seed)
    _, distances = nearest_vectors(vectors, image_vectors(samples, None), 1)
    scores["nearest sample"] = -distances[:, 0]
    return {name: x.astype("float64") for name, x in scores.items()}


def _logits(model, images, labels, seed, batch_size=100):
    """Logits (n,): of a discriminator of patches, their mean."""
    # In random order: a discriminator may compare the images of a batch.
    order = np.random.default_rng(seed).permutation(len(images))
    logits = np.empty(len(images))
    for start in range(0, len(images), batch_size):
        batch = order[start : start + batch_size]
        given = None if labels is None else labels[batch]
        found = np.asarray(model.discriminate(images[batch], given))
        logits[batch] = found.reshape(len(batch), -1).mean(axis=1)
    return logits


def _similar(vectors, num_members):
    """Indices of the most similar images not trained on, (n, 5)."""
    others, _ = nearest_vectors(vectors, vectors[num_members:], _NEIGHBORS + 1)
    others = others + num_members
    # The image itself, which may be one of them, goes to the end.
    itself = others == np.arange(len(vectors))[:, None]
    order = np.argsort(itself, axis=1, kind="stable")
    return np.take_along_axis(others, order, axis=1)[:, :_NEIGHBORS]


def _rates(members, others):
    """`(area under the curve, true positive rate)` of scores."""
    others = np.sort(others)
    below, not_above = (
        np.searchsorted(others, members, side).mean()
        for side in ("left", "right")
    )
    allowed = int(FALSE_POSITIVE_RATE * len(others))
    threshold = others[len(others) - allowed - 1]
    return (
        float(below + not_above) / (2 * len(others)),
        float(np.mean(members > threshold)),
    )


def _checked_scores(name, scores):
    scores = np.asarray(scores, "float64")
    if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
        raise ValueError(
            f"`{name}` must be a vector of finite scores. Received: shape "
            f"{scores.shape}"
            + ("" if np.isfinite(scores).all() else ", with NaN or infinity")
        )
    return scores
