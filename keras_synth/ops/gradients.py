"""Gradient norms that can be differentiated again, for penalties."""

from keras import ops


def squared_gradient_norms(discriminator, images):
    """Squared norm of the gradient of the logits with respect to each image.

    `‖∂ Σ D(y) / ∂y‖²`, summed over the pixels of an image. The logits
    of an image (several, of a patch discriminator) are added up. Images lie
    in [0, 1]; the gradient is that with respect to `y = 2x - 1`, the unit in
    which published penalty weights hold: `∂/∂y = ½ ∂/∂x`.

    Args:
        discriminator: The function D from images, (batch, height, width,
            channels), to logits, (batch, ...). Each logit must depend on its
            own image alone (no batch normalization in training mode),
            otherwise gradients of several images mix.
        images: Float (batch, height, width, channels) in [0, 1].

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
        logit = ops.sum(ops.cast(discriminator(images), "float32"))
    gradients = 0.5 * ops.cast(tape.gradient(logit, images), "float32")
    return ops.sum(ops.square(gradients), axis=(1, 2, 3))


def path_lengths(synthesize, styles, directions):
    """Path lengths of StyleGAN2: norm of the Jacobian along a direction.

    `‖Jᵀ y‖` with J the images' derivative with respect to the styles and y
    a random direction in the space of images, of unit variance divided by
    the root of the number of pixels: over all directions, the root mean
    square of the Jacobian's row lengths. The images' unit is that of [-1, 1].

    Args:
        synthesize: Function from styles to images in [0, 1].
        styles: Float (batch, layers, style_dim).
        directions: Standard normal noise of the images' shape,
            y · √(height · width).

    Returns:
        float32 (batch,): the norm over the styles' dimensions, the root mean
        square over layers.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, equation 4.

    Example:

    >>> gray = lambda w: 0.5 * ops.reshape(w[:, 0], (-1, 2, 2, 1))
    >>> styles, directions = ops.ones((1, 1, 4)), ops.ones((1, 2, 2, 1))
    >>> path_lengths(gray, styles, directions).numpy()  # √(4 · ¼)
    array([1.], dtype=float32)
    """
    import tensorflow as tf

    styles = ops.cast(styles, "float32")
    with tf.GradientTape() as tape:
        tape.watch(styles)
        images = 2.0 * ops.cast(synthesize(styles), "float32")
        height, width = images.shape[1:3]
        projected = ops.sum(images * directions) / (height * width) ** 0.5
    gradients = tape.gradient(projected, styles)
    squares = ops.mean(ops.sum(ops.square(gradients), axis=2), axis=1)
    # The root of 0 has no gradient.
    return ops.sqrt(squares + 1e-12)
