"""Every degradation: purity, seeds, records, severities, saving."""

import json

import keras
import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from keras_synth import degradations
from keras_synth.degradations import (
    CATALOG,
    AnisotropicBlur,
    CameraNoise,
    ColorFading,
    Compose,
    Downsample,
    Dust,
    GaussianBlur,
    GaussianNoise,
    HolesFromFolder,
    IrregularHoles,
    JPEGCompression,
    LowContrast,
    MotionBlur,
    Occlusion,
    OneOf,
    PoissonNoise,
    RealWorldDownsample,
    Ringing,
    SaltAndPepper,
    Scratches,
    Sometimes,
    Stains,
)

EXAMPLES = {
    "GaussianNoise": GaussianNoise((0.05, 0.3)),
    "GaussianNoise, varying": GaussianNoise((0.0, 0.3), True),
    "PoissonNoise": PoissonNoise((5, 50)),
    "CameraNoise": CameraNoise((0.02, 0.2), shot=(0.2, 0.9)),
    "SaltAndPepper": SaltAndPepper((0.1, 0.4), salt=(0.2, 0.8)),
    "GaussianBlur": GaussianBlur((0.5, 4.0)),
    "MotionBlur": MotionBlur((3.0, 12.0)),
    "AnisotropicBlur": AnisotropicBlur((0.5, 2.0), beta=(0.5, 2.0)),
    "Ringing": Ringing((0.8, 2.0)),
    "RealWorldDownsample": RealWorldDownsample(2),
    "Downsample": Downsample(3),
    "Downsample, keep_size": Downsample(3, keep_size=True),
    "JPEGCompression": JPEGCompression((5, 50)),
    "JPEGCompression, shifted": JPEGCompression((5, 50), shifted=True),
    "Occlusion": Occlusion((1, 3), fill="mean"),
    "Scratches": Scratches((1, 3)),
    "Stains": Stains((1, 2), color=(0.3, 0.2, 0.1)),
    "IrregularHoles": IrregularHoles((0.1, 0.4), strokes=2, fill=0.5),
    "Dust": Dust((20, 100), bright=(0.2, 0.8)),
    "LowContrast": LowContrast((0.2, 0.8), brightness=(-0.3, 0.3)),
    "ColorFading": ColorFading((0.2, 1.0)),
    "Compose": Compose([GaussianBlur((0.5, 2.0)), Scratches(2)]),
    "OneOf": OneOf([GaussianBlur((1, 4)), LowContrast((0.1, 0.6)), Stains(2)]),
    "Sometimes": Sometimes(GaussianBlur((1, 4)), 0.95),
}
WITHOUT_SEVERITIES = {
    "AnisotropicBlur",
    "ColorFading",
    "Compose",
    "OneOf",
    "RealWorldDownsample",
    "Ringing",
    "Sometimes",
}
# They read files or find faces, and have tests of their own.
WITH_OWN_TESTS = {"Anonymize", "FilmDamage", "HolesFromFolder", "OldPhoto"}
# Nothing is drawn: every image is degraded alike.
FIXED = {"Downsample", "Downsample, keep_size"}
LOCAL = {
    "SaltAndPepper",
    "Occlusion",
    "Scratches",
    "Stains",
    "IrregularHoles",
    "Dust",
}
NOISE = {"GaussianNoise", "GaussianNoise, varying", "PoissonNoise"} | {
    "CameraNoise"
}

ZERO_STRENGTH = {
    "GaussianNoise": GaussianNoise(0.0),
    "PoissonNoise": PoissonNoise(None),
    "CameraNoise": CameraNoise(0.0),
    "SaltAndPepper": SaltAndPepper(0.0),
    "GaussianBlur": GaussianBlur(0.0),
    "MotionBlur": MotionBlur(0.0),
    "Downsample": Downsample(1),
    "JPEGCompression": JPEGCompression(None),
    "Occlusion, none": Occlusion(0),
    "Occlusion, of no size": Occlusion(2, size=0.0),
    "Scratches, none": Scratches(0),
    "Scratches, of no thickness": Scratches(3, thickness=0.0),
    "Scratches, transparent": Scratches(3, opacity=0.0),
    "Stains, none": Stains(0),
    "Stains, of no size": Stains(2, size=0.0),
    "Stains, transparent": Stains(2, opacity=0.0),
    "IrregularHoles": IrregularHoles(0.0),
    "Dust, none": Dust(0.0),
    "Dust, of no size": Dust(20.0, size=0.0),
    "LowContrast": LowContrast(1.0, brightness=0.0),
    "ColorFading": ColorFading(0.0),
    "Compose": Compose([]),
    "OneOf": OneOf([GaussianBlur(0.0), Occlusion(0)]),
    "Sometimes": Sometimes(Occlusion(1), 0.0),
}


def photographs():
    """(3, 42, 48, 3), from black to white."""
    face = skimage.data.astronaut()[40:208:4, 150:342:4] / 255.0
    image = (face - face.min()) / (face.max() - face.min())
    return np.stack([image, image[:, ::-1], image]).astype("float32")


@pytest.fixture(scope="module")
def images():
    return photographs()


def example(name):
    return pytest.param(EXAMPLES[name], id=name)


EACH = pytest.mark.parametrize(
    "degradation", [example(name) for name in EXAMPLES]
)
EACH_DRAWN = pytest.mark.parametrize(
    "degradation", [example(name) for name in EXAMPLES if name not in FIXED]
)


def test_every_degradation_is_tested_here():
    names = {name.partition(",")[0] for name in EXAMPLES}
    assert set(CATALOG) == names - WITHOUT_SEVERITIES
    kinds = {
        name
        for name in degradations.__all__
        if isinstance(getattr(degradations, name), type)
    }
    assert kinds == names | {"Degradation"} | WITH_OWN_TESTS
    assert set(CATALOG) <= {n.partition(",")[0] for n in ZERO_STRENGTH}


@EACH
def test_same_seed_gives_same_images_and_keeps_the_input(degradation, images):
    given = images.copy()
    first, record = degradation(given, 3, return_record=True)
    np.testing.assert_array_equal(given, images)
    second, again = degradation(given, tf.constant([3, 0]), return_record=True)
    tf.nest.map_structure(np.testing.assert_array_equal, first, second)
    tf.nest.map_structure(np.testing.assert_array_equal, record, again)
    assert first.dtype == "float32"
    assert record["mask"].shape == (*first.shape[:3], 1)
    assert set(np.unique(record["mask"])) <= {0.0, 1.0}
    assert np.mean(record["mask"]) > 0
    for drawn in tf.nest.flatten(record["parameters"]):
        assert drawn.shape[0] == 3
        assert np.isfinite(drawn).all()


@EACH_DRAWN
def test_each_image_and_each_seed_has_its_own_draws(degradation, images):
    same = degradation(images, 3).numpy()  # the first and the last are equal
    assert np.abs(same[0] - same[2]).mean() > 1e-4
    assert np.abs(same - degradation(images, 4)).mean() > 1e-4


@EACH
def test_an_image_does_not_depend_on_the_others(degradation, images):
    others = images.copy()
    others[[0, 2]] = 0.5 * others[[0, 2]] ** 2
    result = degradation(others, 3).numpy()
    np.testing.assert_array_equal(result[1], degradation(images, 3)[1])
    assert np.abs(result[0] - degradation(images, 3)[0]).max() > 0


@EACH
def test_single_image_equals_a_batch_of_one(degradation, images):
    single, record = degradation(images[0], 3, return_record=True)
    batch, records = degradation(images[:1], 3, return_record=True)
    np.testing.assert_array_equal(single, batch[0])
    np.testing.assert_array_equal(record["mask"], records["mask"][0])


@EACH
@pytest.mark.slow
def test_parallel_pipeline_of_any_size_gives_the_same(degradation, images):
    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, 3)),
            tf.TensorSpec((), tf.int64),
        ]
    )
    def any_size(images, seed):
        return degradation(images, seed, return_record=True)

    dataset = tf.data.Dataset.range(3)
    for result, record in dataset.map(
        lambda seed: any_size(images, seed), num_parallel_calls=2
    ).take(1):
        expected, records = degradation(images, 0, return_record=True)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(record["mask"], records["mask"])
        tf.nest.assert_same_structure(record, records)


@EACH
def test_static_shape_is_known_in_a_pipeline(degradation, images):
    dataset = tf.data.Dataset.from_tensors(images[0])
    spec = dataset.map(lambda image: degradation(image, 0)).element_spec
    assert spec.shape.rank == 3 and spec.shape[2] == 3
    if degradation.keeps_size:
        assert spec.shape == images[0].shape


@EACH
def test_survives_serialization(degradation, images):
    text = json.dumps(keras.saving.serialize_keras_object(degradation))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    assert type(again) is type(degradation)
    assert json.dumps(keras.saving.serialize_keras_object(again)) == text
    np.testing.assert_array_equal(again(images, 7), degradation(images, 7))


@pytest.mark.parametrize("name", ZERO_STRENGTH)
def test_zero_strength_changes_nothing(name, images):
    result, record = ZERO_STRENGTH[name](images, 1, return_record=True)
    np.testing.assert_array_equal(result, images)
    np.testing.assert_array_equal(record["mask"], np.zeros((3, 42, 48, 1)))


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_outside_the_mask_nothing_changes(name, images):
    result, record = EXAMPLES[name](images, 5, return_record=True)
    outside = np.broadcast_to(record["mask"] == 0, images.shape)
    np.testing.assert_array_equal(result[outside], images[outside])
    changed = np.any(result != images, axis=-1)
    # A white speck on white, a black one on black.
    assert changed[record["mask"][..., 0] == 1].mean() > 0.9


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - NOISE))
def test_all_but_noise_stay_between_black_and_white(name, images):
    for batch in (images, np.ones_like(images)):
        result = EXAMPLES[name](batch, 1).numpy()
        assert result.min() >= 0.0 and result.max() <= 1.0


@pytest.mark.parametrize("name", CATALOG)
def test_severities_grow(name):
    crop = skimage.data.camera()[80:272:3, 150:342:3, None] / 255.0
    images = np.repeat(crop[None].astype("float32"), 8, axis=0)
    errors = []
    for level in range(6):
        degradation = CATALOG[name].severity(level)
        assert degradation.keeps_size
        errors.append(np.mean((degradation(images, 0) - images) ** 2))
    assert errors[0] == 0.0
    assert (np.diff(errors) > 0).all(), errors
    assert 1e-6 < errors[1] and 3 * errors[1] < errors[5], errors


@pytest.mark.parametrize("name", CATALOG)
@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (1, 5, 3, 1)])
def test_tiny_images_are_degraded(name, shape):
    degradation = CATALOG[name].severity(5)
    result = degradation(np.full(shape, 0.5, "float32"), 2)
    assert result.shape == shape and np.isfinite(result).all()


@pytest.mark.parametrize("level", [-1, 6, 2.0, None])
def test_unknown_severities_are_refused(level):
    with pytest.raises(ValueError, match="`level` must be an int from 0 to 5"):
        GaussianBlur.severity(level)


def test_degradation_without_severities_is_refused():
    with pytest.raises(ValueError, match="HolesFromFolder has no severities"):
        HolesFromFolder.severity(1)
