"""Privacy report: whether a generative model gives away its training images."""

import dataclasses
import json
import pathlib

import numpy as np
from scipy.stats import binomtest

from keras_synth.datasets import Source
from keras_synth.evaluation.membership import (
    FALSE_POSITIVE_RATE,
    attack_scores,
    is_conditional,
    membership_inference,
)
from keras_synth.evaluation.memorization import (
    checked_images,
    image_vectors,
    nearest_vectors,
    summarize_distances,
)
from keras_synth.evaluation.panel import save_figure
from keras_synth.evaluation.tables import markdown_table
from keras_synth.io import Provenance, image_grid, write_whole
from keras_synth.metrics.feature_metric import (
    check_positive_int,
    describe_extractor,
)

#: Limits of the finding: a leak is what is above with 95 % confidence.
LIMITS = {"auc": 0.6, "tpr": 0.05, "nearer": 0.6, "copies": 0.05}
_FEWEST = 100  # images, below which 1 % of them is none
_SHOWN = 8


@dataclasses.dataclass(frozen=True, eq=False)
class PrivacyReport:
    """Result of `privacy_report`.

    Attributes:
        finding: "leak", "undecided" or "no leak found".
        reasons: List of sentences, the reasons for the finding.
        attacks: Dict, name of the attack → `MembershipInference`.
        memorization: Dict as `evaluation.memorization` gives it, with
            "copies_interval", the 95 % interval of "copies"; "nearer", the
            share of samples that are nearer to a training image than to a
            holdout image, of as many of both (0.5 without memorization); and
            "nearer_interval".
        curves: Dict, name of the attack → `(false, true)` positive rates.
        shown: Image grid, float32 (height, width, channels): the samples that
            are nearest to a training image, one in each row, each followed by
            the training images that are nearest to it.
    """

    finding: str
    reasons: list
    attacks: dict
    memorization: dict
    curves: dict = dataclasses.field(repr=False)
    shown: np.ndarray = dataclasses.field(repr=False)

    def to_markdown(self):
        """Finding, reasons and tables in Markdown.

        Returns:
            A str.
        """
        attacks = markdown_table(
            ["attack", "AUC", "95 %", "TPR at 1 % FPR", "95 %"],
            [
                [
                    name,
                    f"{one.auc:.3f}",
                    _interval(one.auc_interval),
                    f"{one.tpr:.3f}",
                    _interval(one.tpr_interval),
                ]
                for name, one in self.attacks.items()
            ],
        )
        found = self.memorization
        memorization = markdown_table(
            ["memorization", "value", "95 %", "without memorization"],
            [
                [
                    "samples nearer to training than to holdout images",
                    f"{found['nearer']:.3f}",
                    _interval(found["nearer_interval"]),
                    "0.5",
                ],
                [
                    "copies: samples as near to a training image as 1 % of "
                    "holdout images are",
                    f"{found['copies']:.3f}",
                    _interval(found["copies_interval"]),
                    "0.01",
                ],
                [
                    "median distance to the nearest training image, of "
                    "samples / of holdout images",
                    f"{found['ratio']:.3f}",
                    None,
                    "about 1",
                ],
            ],
        )
        first = next(iter(self.attacks.values()))
        reasons = "\n".join(f"- {reason}" for reason in self.reasons)
        return (
            f"# Privacy report: {self.finding}\n\n{reasons}\n\n"
            "## Membership inference\n\n"
            f"{first.num_members:,} training images and {first.num_others:,} "
            "holdout images were attacked. By chance the AUC is 0.5, and the "
            f"true positive rate 0.01.\n\n{attacks}\n\n"
            "## Memorization\n\n"
            f"{found['num_samples']:,} samples, {found['num_training']:,} "
            f"training images, {found['num_test']:,} holdout images; "
            f"distances of {found['extractor']}.\n\n{memorization}\n\n"
            "These attacks find what they look for. Only training with "
            "differential privacy bounds what any attack can find.\n"
        )

    def to_json(self):
        """All figures as JSON.

        Returns:
            A str.
        """
        figures = {
            "finding": self.finding,
            "reasons": self.reasons,
            "limits": LIMITS,
            "attacks": {
                name: dataclasses.asdict(one)
                for name, one in self.attacks.items()
            },
            "memorization": self.memorization,
        }
        return json.dumps(figures, indent=1) + "\n"

    def plot(self, path):
        """Plots the nearest training images and the ROC curves.

        Args:
            path: Path of the file, .png or another format of Matplotlib.

        Returns:
            The path, a `pathlib.Path`.
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 5.6), layout="constrained")
        grid, curves = figure.subplots(1, 2)
        shown = self.shown[..., 0] if self.shown.shape[2] == 1 else self.shown
        grid.imshow(shown, cmap="gray", vmin=0.0, vmax=1.0)
        grid.set_axis_off()
        grid.set_title(
            "generated (left), nearest training images (right)\n"
            "the samples that are nearest to a training image"
        )
        for name, (false, true) in self.curves.items():
            curves.step(
                false,
                true,
                where="post",
                label=f"{name}: AUC {self.attacks[name].auc:.2f}",
                linestyle="--" if name.endswith("calibrated") else "-",
            )
        least = 1.0 / max(one.num_others for one in self.attacks.values())
        line = np.geomspace(least, 1.0)
        curves.plot(line, line, color="gray", linewidth=0.8, label="chance")
        curves.axvline(FALSE_POSITIVE_RATE, color="gray", linestyle=":")
        curves.set(
            xscale="log",
            yscale="log",
            xlim=(least, 1.0),
            ylim=(least, 1.1),
            xlabel="false positive rate",
            ylabel="true positive rate",
            title=f"membership inference: {self.finding}",
        )
        curves.legend(loc="lower right", fontsize=8)
        return save_figure(path, figure, Provenance("generated"))

    def write(self, folder):
        """Writes `privacy.md`, `privacy.json` and `privacy.png`.

        Args:
            folder: Folder of the files. It is made where it is missing.

        Returns:
            The path of `privacy.md`, a `pathlib.Path`.
        """
        folder = pathlib.Path(folder)
        self.plot(folder / "privacy.png")
        write_whole(folder / "privacy.json", self.to_json().encode())
        text = self.to_markdown() + "\n![Nearest images](privacy.png)\n"
        write_whole(folder / "privacy.md", text.encode())
        return folder / "privacy.md"


def privacy_report(
    model,
    train,
    holdout,
    *,
    reference=None,
    features=None,
    num_attacked=1000,
    num_samples=1000,
    num_latents=50,
    seed=0,
):
    """Privacy report: membership inference and memorization of a generator.

    The finding is "leak" where, with 95 % confidence, an attack has an AUC
    above 0.6 or finds more than 5 % of the training images at 1 % false
    positives, or more than 60 % of the samples are nearer to a training image
    than to a holdout image. It is "no leak found" where, with 95 % confidence,
    none of this is so and at most 5 % of the samples are copies; otherwise it
    is "undecided", for instance where there are fewer than 100 images of
    either kind.

    Args:
        model: A trained `models.VAE`, `models.GAN`, `models.StyleGAN2` or
            another model with `sample`.
        train: The images that it was trained on: a `datasets.Source`, an array
            (n, height, width, channels) in [0, 1], or `(images, labels)`.
        holdout: Images of the same kind that it was not trained on, as
            `train`.
        reference: A model like `model` that was trained on other images,
            neither `train` nor `holdout`; it calibrates the attacks, see
            `membership.attack_scores`. None calibrates by similar images.
        features: Feature network of the distances of memorization, a
            `keras.Model` from images to (batch, d). None takes pixels.
        num_attacked: Largest number of training and of holdout images that
            are attacked, drawn at random.
        num_samples: Number of images that the model generates.
        num_latents: Number of latents for each image of a VAE's log p(x).
        seed: Seed of all random draws, an int.

    Returns:
        A `PrivacyReport`.

    Raises:
        TypeError: The model cannot sample, or `features` is no network.
        ValueError: Images have unequal shapes or are out of range, labels are
            missing, or holdout images were trained on.

    Reference: the attacks: see `membership.attack_scores`; samples against a
    holdout: Meehan et al., A Non-Parametric Test to Detect Data-Copying in
    Generative Models, 2020.
    """
    if not hasattr(model, "sample"):
        raise TypeError(
            f"`model` must have a method `sample`. Received: {model!r}"
        )
    check_positive_int("num_samples", num_samples)
    check_positive_int("num_attacked", num_attacked)
    train, train_labels = _images_and_labels("train", train, model)
    holdout, holdout_labels = _images_and_labels("holdout", holdout, model)
    checked_images("holdout", holdout, train)
    if len(holdout) <= 5 or len(train) <= 5:
        raise ValueError(
            "`train` and `holdout` must each have more than 5 images, and "
            f"should have 100 and more. Received: {len(train)} and "
            f"{len(holdout)}"
        )
    random = np.random.default_rng(seed)
    samples = _samples(model, num_samples, train_labels, random, seed)
    memorization, shown = _memorization(
        samples, train, holdout, features, random
    )
    members = _some(len(train), num_attacked, random)
    others = _some(len(holdout), num_attacked, random)
    labels = None
    if train_labels is not None:
        labels = np.concatenate([train_labels[members], holdout_labels[others]])
    scores = attack_scores(
        model,
        np.concatenate([train[members], holdout[others]]),
        len(members),
        labels=labels,
        samples=samples,
        reference=reference,
        reference_samples=None
        if reference is None
        else _samples(reference, num_samples, train_labels, random, seed + 1),
        num_latents=num_latents,
        seed=seed,
    )
    parted = {
        name: (one[: len(members)], one[len(members) :])
        for name, one in scores.items()
    }
    attacks = {
        name: membership_inference(*pair, seed=seed)
        for name, pair in parted.items()
    }
    finding, reasons = _finding(attacks, memorization)
    return PrivacyReport(
        finding=finding,
        reasons=reasons,
        attacks=attacks,
        memorization=memorization,
        curves={name: _curve(*pair) for name, pair in parted.items()},
        shown=shown,
    )


def _images_and_labels(name, data, model):
    """`(images, labels)`, labels None for a model without classes."""
    if isinstance(data, Source):
        data = data.arrays()
    images, labels = data if isinstance(data, tuple) else (data, None)
    images = checked_images(name, images)
    if not is_conditional(model):
        return images, None
    if labels is None:
        raise ValueError(
            f"The model is class-conditional: give `{name}` as (images, "
            "labels)."
        )
    labels = np.asarray(labels)
    if len(labels) != len(images):
        raise ValueError(
            f"`{name}` must have a label for each of {len(images)} images. "
            f"Received: {len(labels)} labels"
        )
    return images, labels


def _some(count, most, random):
    """Indices of at most `most` of `count` images."""
    return random.permutation(count)[:most]


def _samples(model, count, labels, random, seed, batch_size=500):
    """Generated images, of classes as frequent as in training."""
    if is_conditional(model):
        labels = random.choice(labels, count)
    parts = []
    for start in range(0, count, batch_size):
        size = min(batch_size, count - start)
        part = labels[start : start + size] if is_conditional(model) else None
        parts.append(
            np.asarray(
                model.sample(size, labels=part, seed=seed * 1009 + start)
            )
        )
    return np.concatenate(parts)


def _memorization(samples, train, holdout, features, random):
    """The dict of `PrivacyReport.memorization`, and the grid shown."""
    of_samples, of_train, of_holdout = (
        image_vectors(images, features) for images in (samples, train, holdout)
    )
    indices, distances = nearest_vectors(of_samples, of_train, 5)
    _, of_others = nearest_vectors(of_holdout, of_train, 1)
    found = summarize_distances(distances[:, 0], of_others[:, 0])
    number = min(len(train), len(holdout))
    chosen = of_train, of_holdout
    nearest = [
        nearest_vectors(of_samples, x[_some(len(x), number, random)], 1)[1]
        for x in chosen
    ]
    nearer = np.sum(nearest[0] < nearest[1])
    ties = np.sum(nearest[0] == nearest[1])
    nearer = int(nearer + ties // 2)
    copies = round(found["copies"] * len(samples))
    found |= {
        "copies_interval": _proportion(copies, len(samples)),
        "nearer": nearer / len(samples),
        "nearer_interval": _proportion(nearer, len(samples)),
        "num_training": len(train),
        **describe_extractor(features),
        **({} if features else {"extractor": "pixels"}),
    }
    most = np.argsort(distances[:, 0], kind="stable")[:_SHOWN]
    rows = [
        image
        for each in most
        for image in (samples[each], *train[indices[each]])
    ]
    return found, image_grid(rows, columns=6)


def _proportion(count, total):
    """95 % interval of a share (Wilson)."""
    interval = binomtest(count, total).proportion_ci(0.95, "wilson")
    return float(interval.low), float(interval.high)


def _finding(attacks, memorization):
    """`(finding, reasons)`."""
    measured = [
        (f'the AUC of "{name}"', one.auc, one.auc_interval, "auc")
        for name, one in attacks.items()
    ]
    measured += [
        (
            f'the share of training images that "{name}" finds at 1 % false '
            "positives",
            one.tpr,
            one.tpr_interval,
            "tpr",
        )
        for name, one in attacks.items()
    ]
    measured += [
        (what, memorization[key], memorization[f"{key}_interval"], key)
        for what, key in (
            (
                "the share of samples nearer to a training image than to a "
                "holdout image",
                "nearer",
            ),
            ("the share of samples that are copies", "copies"),
        )
    ]
    leaks, unclear = [], []
    for what, value, (low, high), kind in measured:
        words = (
            f"{what[0].upper()}{what[1:]} is {value:.3f} "
            f"({low:.3f} to {high:.3f}), "
        )
        limit = f"the limit of {LIMITS[kind]}."
        # Samples of a VAE are smooth, which alone makes them near to images:
        # copies are to be looked at, and say nothing by themselves.
        if low > LIMITS[kind] and kind != "copies":
            leaks.append(f"{words}above {limit}")
        elif high > LIMITS[kind]:
            unclear.append(f"{words}which does not stay below {limit}")
    fewest = min(
        min(one.num_members, one.num_others) for one in attacks.values()
    )
    if fewest < _FEWEST:
        unclear.append(
            f"With {fewest} images of a kind, a true positive rate at 1 % "
            f"false positives says little: give at least {_FEWEST}."
        )
    if leaks:
        return "leak", leaks
    if unclear:
        return "undecided", unclear
    strongest = max(attacks, key=lambda name: attacks[name].auc)
    return "no leak found", [
        f"The strongest attack, {strongest!r}, has an AUC of "
        f"{attacks[strongest].auc:.3f}, and all figures stay below their "
        "limits with 95 % confidence."
    ]


def _curve(members, others):
    """ROC curve: `(false, true)` positive rates, rising from 0 to 1."""
    thresholds = np.unique(np.concatenate([members, others]))[::-1]
    return tuple(
        np.concatenate([[0], len(x) - np.searchsorted(np.sort(x), thresholds)])
        / len(x)
        for x in (others, members)
    )


def _interval(interval):
    return f"{interval[0]:.3f} to {interval[1]:.3f}"
