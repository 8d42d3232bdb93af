"""KLWarmup: the KL weight during training, and its effect on the loss."""

import keras
import numpy as np
import pytest

from keras_synth.callbacks import KLWarmup
from tests.models.test_vae import random_images, small_vae


def weights_during(warmup, model, steps, **kwargs):
    """The KL weight in force at each training step."""
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(
            float(model.kl_weight)
        )
    )
    model.fit(
        random_images(2 * steps),
        batch_size=2,
        verbose=0,
        callbacks=[warmup, watch],
        **kwargs,
    )
    return seen


def test_linear_warmup_rises_once_and_stays():
    seen = weights_during(KLWarmup(4), small_vae(beta=2.0), 7)
    assert seen == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_cyclical_warmup_rises_stays_and_starts_again():
    warmup = KLWarmup(2, "cyclical", cycles=2)
    seen = weights_during(warmup, small_vae(), 10)
    assert seen == [0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0]


def test_warmup_continues_after_loading(tmp_path):
    model = small_vae()
    weights_during(KLWarmup(8), model, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    seen = weights_during(KLWarmup(8), loaded, 3)
    np.testing.assert_allclose(seen, [3 / 8, 4 / 8, 5 / 8])


def test_training_without_the_callback_uses_beta_again():
    model = small_vae(beta=2.0)
    weights_during(KLWarmup(10**9), model, 2)
    assert float(model.kl_weight) < 1e-3
    model.fit(random_images(2), verbose=0)
    assert float(model.kl_weight) == 2.0


def test_loading_weights_keeps_beta(tmp_path):
    small_vae(beta=1.0).save_weights(tmp_path / "model.weights.h5")
    model = small_vae(beta=4.0)
    model.load_weights(tmp_path / "model.weights.h5")
    assert float(model.kl_weight) == 4.0


def test_training_uses_the_warmup_and_evaluation_does_not():
    model = small_vae()
    model.compile(keras.optimizers.SGD(0.0))
    images = random_images(4)
    frozen = KLWarmup(10**9)  # the weight stays at 0
    logs = model.fit(
        images, validation_data=(images,), verbose=0, callbacks=[frozen]
    ).history
    assert logs["loss"][0] == pytest.approx(logs["reconstruction"][0])
    assert logs["val_loss"][0] == pytest.approx(
        logs["val_reconstruction"][0] + logs["val_kl"][0], rel=1e-5
    )


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match='"linear" or "cyclical"'):
        KLWarmup(10, "cosine")
    with pytest.raises(ValueError, match="steps=0"):
        KLWarmup(0)
    with pytest.raises(ValueError, match="no KL term"):
        weights_during(KLWarmup(4), small_vae(num_importance_samples=2), 2)
