"""PatchNCE, the contrastive loss of CUT: features of the same place agree."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_number
from keras_synth.ops.similarity import check_same_shape


@keras.saving.register_keras_serializable("keras_synth")
class PatchNCE(keras.losses.Loss):
    """PatchNCE: contrastive loss between features at the same places.

    The query q_i, of a place i of the translated image, should be more alike
    to the key k_i of the same place of the source than to those of other
    places of the same source. With temperature τ and n places:

        loss = mean_i [ log Σ_j exp(q_i · k_j / τ) - q_i · k_i / τ ]

    the cross-entropy of finding one's own place among n. It is log n where
    all keys are alike. It computes in float32.

    No gradient flows into the keys: they are what the queries should become,
    and the gradient must not make them easy to find instead.

    Args:
        temperature: The temperature τ, above 0.
        reduction: Reduction over the batch, as for `keras.losses.Loss`.
        name: Name of the loss.

    Call arguments:
        y_true: The keys, (batch, n, features), vectors of length 1 as
            `networks.projection_head` gives.
        y_pred: The queries, of the same shape.

    Raises:
        ValueError: `temperature` is no number above 0, or the shapes differ.

    Reference: Park et al., Contrastive Learning for Unpaired Image-to-Image
    Translation, 2020, equations 3 and 4. The mean over places is that of the
    authors' code; the paper's sum is n times as large.

    Example:

    >>> keys = ops.reshape(ops.eye(4), (1, 4, 4))
    >>> right = PatchNCE()(keys, keys)
    >>> wrong = PatchNCE()(keys, ops.roll(keys, 1, axis=1))
    >>> round(float(right), 4), round(float(wrong), 4)  # wrong by 1 / τ
    (0.0, 14.2857)
    """

    def __init__(
        self,
        temperature=0.07,
        reduction="sum_over_batch_size",
        name="patch_nce",
    ):
        if not (is_number(temperature) and 0 < temperature < float("inf")):
            raise ValueError(
                "`temperature` must be a number above 0. "
                f"Received: temperature={temperature!r}"
            )
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.temperature = temperature

    def call(self, y_true, y_pred):
        """The loss of each image, (batch,)."""
        check_same_shape(y_true, y_pred)
        keys = ops.stop_gradient(ops.cast(y_true, "float32"))
        queries = ops.cast(y_pred, "float32") / self.temperature
        # (batch, n, n): query i and key j
        similarities = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
        own = ops.sum(queries * keys, axis=-1)
        return ops.mean(ops.logsumexp(similarities, axis=-1) - own, axis=-1)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}
