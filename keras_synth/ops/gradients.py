"""Gradients of a judge with respect to the pictures it sees.

They can be differentiated again, which a gradient penalty needs.
"""

from keras import ops


def squared_gradient_norms(judge, images):
    """How steeply a judge's verdict changes with each picture.

    `‖∂ Σ judge(y) / ∂y‖²`, summed over the pixels of a picture. The verdicts
    of a picture (several, of a patch discriminator) are added up. Pictures lie
    in [0, 1]; the gradient is that with respect to `y = 2x - 1`, the unit in
    which published penalty weights hold: `∂/∂y = ½ ∂/∂x`.

    Args:
        judge: function of pictures, (batch, height, width, channels), that
            gives logits, (batch, ...). Each must depend on its own picture
            alone (no batch normalisation in training mode), or the gradients
            of one picture's verdict mix with its neighbours'.
        images: pictures in [0, 1].

    Returns:
        float32 (batch,), whatever the precision policy.

    Example:

    >>> images = ops.ones((2, 4, 4, 1))
    >>> brightness = lambda x: ops.sum(x, axis=(1, 2, 3))
    >>> squared_gradient_norms(brightness, images).numpy()  # 16 · ½²
    array([4., 4.], dtype=float32)
    """
    import tensorflow as tf

    images = ops.cast(images, "float32")
    with tf.GradientTape() as tape:
        tape.watch(images)
        verdict = ops.sum(ops.cast(judge(images), "float32"))
    gradients = 0.5 * ops.cast(tape.gradient(verdict, images), "float32")
    return ops.sum(ops.square(gradients), axis=(1, 2, 3))
