"""`video_pipeline`: windows of frames, aligned, degraded, by seed."""

import numpy as np
import pytest
import tensorflow as tf

from keras_synth import degradations
from keras_synth.datasets import clips_from_arrays, video_pipeline
from keras_synth.ops import compensate_motion

RNG = np.random.default_rng(0)
NONE = degradations.Compose([])


def numbered(*lengths, size=(12, 16)):
    """Clips whose frames have one gray level each: 20, 21, ... then 60."""
    clips = []
    for start, length in enumerate(lengths, 1):
        levels = np.arange(length) + 40 * start - 20
        levels = levels.reshape(-1, 1, 1, 1)
        clips.append(np.broadcast_to(levels, (length, *size, 1)))
    clips = [clip.astype("uint8") for clip in clips]
    return clips_from_arrays("numbered", clips, split_scenes=False)


def noisy_clip(length=7, height=20, width=24, channels=1):
    clip = RNG.integers(0, 256, (length, height, width, channels), "uint8")
    return clips_from_arrays("noise", [clip], split_scenes=False)


def levels(images):
    return np.rint(255 * np.asarray(images).mean((-3, -2, -1))).astype(int)


def still(source, patch_size=None, degradation=NONE, **options):
    """A pipeline without motion compensation."""
    return video_pipeline(
        source, degradation, patch_size, compensate=None, **options
    )


def test_windows_stay_in_their_scene():
    """By hand: edge frames repeated, or windows left out."""
    source = numbered(4, 6)
    pairs = still(source, batch_size=3, training=False)
    assert len(pairs) == 4
    degraded, clean = (
        np.concatenate(part) for part in zip(*pairs, strict=True)
    )
    expected = []
    for first, last in ((20, 23), (60, 65)):
        for middle in range(first, last + 1):
            window = np.arange(middle - 2, middle + 3)
            expected.append(np.clip(window, first, last))
    np.testing.assert_array_equal(levels(degraded), expected)
    np.testing.assert_array_equal(levels(clean), np.array(expected)[:, 2])
    dropped = still(source, edges="drop", batch_size=9, training=False)
    ((degraded, _),) = dropped
    np.testing.assert_array_equal(
        levels(degraded), [[60, 61, 62, 63, 64], [61, 62, 63, 64, 65]]
    )
    with pytest.raises(ValueError, match="No clip of 'numbered' has 7 frames"):
        still(source, num_frames=7, edges="drop", training=False)


def test_every_frame_is_the_middle_of_its_patches():
    source = numbered(4, 6)
    pairs = still(source, 8, patches_per_window=3, batch_size=5)
    assert len(pairs) == 6
    middles = np.concatenate([levels(clean) for _, clean in pairs])
    frames = [*range(20, 24), *range(60, 66)]
    assert sorted(middles) == sorted(3 * frames)
    assert list(middles) != sorted(middles)


def test_patches_are_the_same_part_of_all_frames():
    """Rotated alike, some reversed in time; what is clean is what was
    degraded."""
    source = noisy_clip(5)
    (clip,) = source.clips
    pairs = still(source, 6, edges="drop", patches_per_window=60, batch_size=60)
    ((degraded, clean),) = pairs
    np.testing.assert_array_equal(degraded[:, 2], clean)
    known = {}
    for top in range(15):
        for left in range(19):
            part = clip[:, top : top + 6, left : left + 6, 0]
            for turns in range(4):
                for mirrored in (False, True):
                    for backwards in (1, -1):
                        turned = part[::backwards, :, :: -1 if mirrored else 1]
                        turned = np.rot90(turned, turns, axes=(1, 2))
                        key = np.ascontiguousarray(turned).tobytes()
                        known[key] = (top, left, turns, mirrored, backwards)
    patches = np.rint(255 * np.asarray(degraded)[..., 0]).astype("uint8")
    found = [known[patch.tobytes()] for patch in patches]
    tops, lefts, turns, mirrored, backwards = map(set, zip(*found, strict=True))
    assert len(tops) > 10 and len(lefts) > 10 and len(turns) > 1
    assert mirrored == {False, True} and backwards == {1, -1}
    plain = still(source, 6, symmetry="none", patches_per_window=20)
    for degraded, _ in plain.take(1):
        assert (np.diff(levels(numbered(5).clips[0] / 255.0)) > 0).all()
        patches = np.rint(255 * np.asarray(degraded)[..., 0]).astype("uint8")
        inner = [known[p.tobytes()] for p in patches if p.tobytes() in known]
        assert inner and {entry[2:] for entry in inner} == {(0, False, 1)}


def test_epochs_differ_and_depend_on_their_number_alone():
    source = noisy_clip()
    noise = degradations.GaussianNoise((0.1, 0.3))
    options = dict(patch_size=8, compensate=None, batch_size=3, seed=4)

    def passes(dataset, count):
        return [
            [(d.numpy(), c.numpy()) for d, c in dataset] for _ in range(count)
        ]

    pairs = video_pipeline(source, noise, **options)
    assert len(pairs) == 2
    first, second = passes(pairs, 2)
    assert not np.array_equal(first[0][0], second[0][0])
    again = video_pipeline(source, noise, **options)
    again.set_epoch(1)
    for ours, theirs in zip(passes(again, 1)[0], second, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    tests = video_pipeline(source, noise, **options, training=False)
    first, second = passes(tests, 2)
    np.testing.assert_array_equal(first[0][0], second[0][0])


@pytest.mark.parametrize("degradation_by", ["frame", "clip"])
def test_frames_share_the_strength_of_their_degradation_or_not(degradation_by):
    gray = np.full((9, 32, 32, 3), 128, "uint8")
    source = clips_from_arrays("gray", [gray])
    noise = degradations.GaussianNoise((0.0, 0.3))
    pairs = still(
        source,
        degradation=noise,
        degradation_by=degradation_by,
        batch_size=9,
        training=False,
    )
    ((degraded, clean),) = pairs
    error = np.asarray(degraded) - np.asarray(clean)[:, None]
    strengths = error.std((2, 3, 4))  # (clip, frame)
    within, between = strengths.std(1).max(), strengths.mean(1).std()
    assert between > 0.01
    assert (within < 0.01) == (degradation_by == "clip")
    # The noise itself is each frame's own.
    flat = error.reshape(9, 5, -1)
    for clip in flat:
        shared = np.corrcoef(clip)[np.triu_indices(5, 1)]
        assert np.abs(shared).max() < 0.1


@pytest.mark.slow
def test_degraded_frames_are_motion_compensated():
    """On the upscaled frames, and on small ones of another size."""
    rows, columns = np.mgrid[:32, :48]
    waves = [
        128 + 60 * np.sin((columns - 2 * time) / 5) + 40 * np.cos(rows / 6)
        for time in range(3)
    ]
    clip = np.stack(waves).astype("uint8")[..., None]
    source = clips_from_arrays("waves", [clip])
    for keep_size, shape in ((True, (32, 48)), (False, (16, 24))):
        degradation = degradations.Downsample(2, keep_size=keep_size)
        options = dict(num_frames=3, batch_size=3, training=False)
        ((degraded, clean),) = video_pipeline(source, degradation, **options)
        ((plain, _),) = video_pipeline(
            source, degradation, compensate=None, **options
        )
        assert degraded.shape == (3, 3, *shape, 1)
        assert clean.shape == (3, 32, 48, 1)
        np.testing.assert_allclose(
            degraded, compensate_motion(plain), atol=1e-3
        )
        inside = np.abs(degraded - plain[:, 1:2])[1, :, 6:-6, 6:-6].max()
        before = np.abs(plain - plain[:, 1:2])[1, :, 6:-6, 6:-6].max()
        assert inside < 0.2 * before
    assert degraded.shape == pairs_spec(source, degradation)


def pairs_spec(source, degradation):
    """The static shape, which a network is built from, with its batch."""
    pairs = video_pipeline(
        source, degradation, num_frames=3, batch_size=3, training=False
    )
    shape = pairs.element_spec[0].shape
    return tf.TensorShape([3, *shape[1:]])


def test_clips_of_several_sizes():
    """A batch of whole frames has one size; patches of all sizes mix."""
    small, large = numbered(3).clips[0], numbered(4, size=(20, 16)).clips[0]
    source = clips_from_arrays("both", [small, large], split_scenes=False)
    whole = still(source, batch_size=2, training=False)
    sizes = [(len(clean), clean.shape[1]) for _, clean in whole]
    assert sizes == [(2, 12), (1, 12), (2, 20), (2, 20)]
    middle = still(source, 8, batch_size=7, training=False)
    ((degraded, clean),) = middle
    assert degraded.shape == (7, 5, 8, 8, 1) and clean.shape == (7, 8, 8, 1)
    clip = noisy_clip(2)
    ((_, clean),) = still(clip, (10, 12), batch_size=2, training=False)
    np.testing.assert_allclose(
        clean, clip.clips[0][:, 5:15, 6:18] / 255.0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_frames": 4}, "`num_frames` must be an odd int"),
        ({"patch_size": None}, "Training needs a `patch_size`"),
        ({"patch_size": 13}, "larger than some frames .*12x16"),
        ({"edges": "mirror"}, "`edges` must be one of repeat, drop"),
        ({"symmetry": "all"}, "`symmetry` must be one of square"),
        ({"degradation_by": "pixel"}, "`degradation_by` must be one of frame"),
        ({"batch_size": 5}, "no batch would be full"),
        ({"batch_size": 0}, "`batch_size` must be a positive int"),
        ({"patches_per_window": 0}, "`patches_per_window` must be a positive"),
        ({"degradation": abs}, "`degradation` must be one of"),
        ({"source": [np.zeros((4, 8, 8, 1))]}, "`source` must be a `ClipS"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    given = {"source": numbered(4), "patch_size": 8, "batch_size": 2}
    with pytest.raises(ValueError, match=message):
        still(**{**given, **options})
