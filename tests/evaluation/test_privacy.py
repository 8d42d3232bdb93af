"""Privacy report: a model that copies is caught, another is not."""

import json

import numpy as np
import PIL.Image
import pytest

from keras_synth import models, networks
from keras_synth.datasets.source import source_from_arrays
from keras_synth.evaluation import memorization, privacy_report
from tests.models.flow_networks import small_network

SHAPE = (4, 4, 1)


def images(count, seed):
    return np.random.default_rng(seed).uniform(size=(count, *SHAPE))


class Generator:
    """Gives images of a set with little noise, and the distance to them."""

    conditional = False

    def __init__(self, known):
        self.known = known

    def sample(self, num_images, labels, seed):
        random = np.random.default_rng(seed)
        chosen = self.known[random.integers(len(self.known), size=num_images)]
        return np.clip(chosen + random.normal(0, 0.01, chosen.shape), 0, 1)

    def log_likelihood(self, images, labels, seed):
        gaps = images[:, None] - self.known[None]
        return -np.abs(gaps).sum(axis=(2, 3, 4)).min(axis=1)


@pytest.fixture(scope="module")
def caught():
    return privacy_report(
        Generator(images(150, 0)), images(150, 0), images(150, 1)
    )


@pytest.fixture(scope="module")
def cleared():
    return privacy_report(
        Generator(images(300, 2)), images(400, 0), images(400, 1)
    )


def test_a_model_that_copies_is_caught(caught):
    assert caught.finding == "leak"
    for name, one in caught.attacks.items():
        assert one.auc > 0.95, name
    assert caught.memorization["nearer"] > 0.99
    assert caught.memorization["copies"] > 0.99
    assert any("holdout" in reason for reason in caught.reasons)


def test_a_model_that_generalizes_is_not(cleared):
    assert cleared.finding == "no leak found", cleared.reasons
    for name, one in cleared.attacks.items():
        assert one.auc_interval[0] < 0.5 < one.auc_interval[1], name
    low, high = cleared.memorization["nearer_interval"]
    assert low < 0.5 < high


def test_a_memorizing_model_is_caught_by_its_likelihood_alone():
    """Its samples are those of a good model."""
    train, holdout = images(200, 0), images(200, 1)
    model = Generator(train)
    model.sample = lambda count, labels, seed: images(count, seed + 7)
    found = privacy_report(model, train, holdout)
    assert found.finding == "leak"
    assert all("likelihood" in reason for reason in found.reasons)


def test_few_images_leave_it_undecided():
    found = privacy_report(
        Generator(images(300, 2)), images(300, 0), images(50, 1)
    )
    assert found.finding == "undecided"
    assert "at least 100" in found.reasons[-1]


def test_the_report_holds_what_memorization_gives(caught):
    model, train = Generator(images(150, 0)), images(150, 0)
    samples = np.concatenate(
        [model.sample(500, None, seed) for seed in (0, 500)]
    )
    expected = memorization(samples, train, images(150, 1), features=None)
    for name, value in expected.items():
        assert caught.memorization[name] == value, name


def test_the_report_is_written(caught, tmp_path):
    path = caught.write(tmp_path / "report")
    text = path.read_text()
    assert text.startswith("# Privacy report: leak\n\n- The AUC of ")
    for name in caught.attacks:
        assert f"\n| {name} | " in text
    stored = json.loads((path.parent / "privacy.json").read_text())
    assert stored["finding"] == "leak"
    one = stored["attacks"]["likelihood"]
    assert one["auc"] == caught.attacks["likelihood"].auc
    with PIL.Image.open(path.parent / "privacy.png") as image:
        assert image.size[0] > 1000
    assert path.name == "privacy.md" and "(privacy.png)" in text


def test_shown_are_the_samples_nearest_to_a_training_image(caught):
    assert caught.shown.shape == (8 * 6 + 2, 6 * 6 + 2, 1)
    sample, nearest = caught.shown[2:6, 2:6], caught.shown[2:6, 8:12]
    assert 0 < np.abs(sample - nearest).max() < 0.05


def test_curves_pass_through_the_rates(caught, cleared):
    for report in (caught, cleared):
        for name, (false, true) in report.curves.items():
            one = report.attacks[name]
            assert np.trapezoid(true, false) == pytest.approx(one.auc)
            assert true[false <= 0.01].max() == pytest.approx(one.tpr)


def test_classes_and_sources():
    size = {"latent_dim": 2, "num_classes": 3}
    gan = models.GAN(
        networks.dense_generator(SHAPE, **size),
        networks.dense_discriminator(SHAPE, num_classes=3),
    )
    labels = np.arange(12) % 3
    train, holdout = (
        source_from_arrays(
            "noise",
            "train",
            (255 * images(12, seed)).astype("uint8"),
            labels,
            ("a", "b", "c"),
        )
        for seed in (0, 1)
    )
    found = privacy_report(gan, train, holdout, num_samples=20)
    assert list(found.attacks)[:2] == ["discriminator", "nearest sample"]
    again = privacy_report(
        gan, train.arrays(), holdout.arrays(), num_samples=20, reference=gan
    )
    assert again.attacks["discriminator"] == found.attacks["discriminator"]
    # A model that is its own reference gives nothing away.
    assert again.attacks["discriminator, calibrated"].auc == 0.5
    with pytest.raises(ValueError, match="give `train` as .images, labels."):
        privacy_report(gan, images(9, 0), holdout)


def test_a_vae_is_attacked():
    vae = models.VAE(
        networks.dense_encoder(SHAPE, 2, hidden=(4,)),
        networks.dense_decoder(SHAPE, 2, hidden=(4,)),
    )
    train, holdout = images(12, 0), images(9, 1)
    found = privacy_report(
        vae, train, holdout, num_samples=9, num_latents=3, num_attacked=8
    )
    assert "likelihood, calibrated" in found.attacks
    assert found.attacks["likelihood"].num_members == 8


def test_flow_matching_is_attacked():
    flow = models.FlowMatching(
        small_network(shape=SHAPE),
        seed=0,
        sampler=models.FlowSampler(num_steps=2),
    )
    found = privacy_report(flow, images(9, 0), images(9, 1), num_samples=9)
    assert list(found.attacks)[:2] == ["likelihood", "nearest sample"]


def test_bad_arguments_are_refused():
    train = images(20, 0)
    model = Generator(train)
    with pytest.raises(TypeError, match="`model` must have a method `sample`"):
        privacy_report(lambda images: images, train, train)
    with pytest.raises(ValueError, match="not trained on"):
        privacy_report(model, train, train)
    with pytest.raises(ValueError, match="`holdout` must be images of"):
        privacy_report(model, train, np.zeros((9, 2, 2, 1)))
    with pytest.raises(ValueError, match="more than 5 images"):
        privacy_report(model, train, images(5, 1))
    with pytest.raises(ValueError, match="num_samples=0"):
        privacy_report(model, train, images(9, 1), num_samples=0)


class Labeled(Generator):
    """The same with classes, which change nothing."""

    conditional = True


class Unlabeled:
    """A model of one's own that has `sample` and nothing else."""

    def sample(self, num_images, labels, seed):
        return images(num_images, seed)


def test_a_model_of_ones_own_needs_sample_alone():
    found = privacy_report(Unlabeled(), images(20, 0), images(20, 1))
    assert set(found.attacks) == {
        "nearest sample",
        "nearest sample, calibrated",
    }


def test_labels_of_other_images_are_refused():
    known = images(20, 0)
    with pytest.raises(ValueError, match="a label for each of 20 images"):
        privacy_report(
            Labeled(known), (known, np.zeros(3, int)), (known, np.zeros(20))
        )
