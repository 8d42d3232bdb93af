"""Base class of linear degradation operators, and their products."""

import keras
import tensorflow as tf

from keras_synth.ops import opponent_noise_levels

_TOLERANCE = 0.2
_LARGEST_COUNT = 100


class Operator:
    """Linear degradation operator A, `y = A x + noise`.

    A subclass implements `forward` and `adjoint`; `prox` is then found by
    conjugate gradients, and a subclass with a closed form has its own. x and y
    are float32 tensors (batch, height, width, channels), of any size. All
    methods also run in a graph.
    """

    #: Inputs besides the image that `given` takes, such as "mask".
    input_names = ()

    #: Channels of y; None where it has those of x.
    channels = None

    def given(self, inputs):
        """The operator of these inputs.

        Args:
            inputs: Dict with the `input_names`.

        Returns:
            An `Operator`.
        """
        return self

    def forward(self, x):
        """The degraded images `A x` without noise."""
        raise NotImplementedError

    def adjoint(self, y):
        """The adjoint `Aᵀ y`: `⟨A x, y⟩ = ⟨x, Aᵀ y⟩`."""
        raise NotImplementedError

    def prox(self, z, y, rho):
        """Proximal step `argmin_x ‖y - A x‖² + ρ ‖x - z‖²`.

        It is `x = z + Aᵀ (A Aᵀ + ρ)⁻¹ (y - A z)`.

        Args:
            z: Images near which x is sought, as `forward` takes them.
            y: Degraded images.
            rho: ρ, above 0: a number, or float32 (batch, 1, 1, 1).

        Returns:
            x, of the shape of z.
        """
        return z + self.adjoint(
            conjugate_gradients(
                lambda u: self.forward(self.adjoint(u)) + rho * u,
                y - self.forward(z),
            )
        )

    def start(self, y):
        """Images of the size of x to begin with: `Aᵀ y`, or better ones."""
        return self.adjoint(y)

    def visible(self, x):
        """The part of x that is restored: all but what lies beyond y."""
        return x

    def noise_level(self, y):
        """Estimates σ of the noise of degraded images.

        Returns:
            float32 (batch, 1, 1, 1).
        """
        levels = opponent_noise_levels(y)
        return tf.norm(levels, axis=-1, keepdims=True)

    def get_config(self):
        """Arguments of the constructor, as a dict."""
        return {}

    @classmethod
    def from_config(cls, config):
        """The operator with the arguments of `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable("keras_synth")
class Product(Operator):
    """Product of two operators, `A = outer · inner`.

    Its proximal step is found by conjugate gradients.

    Args:
        outer: The `Operator` that is applied last, such as a `Mask`.
        inner: The `Operator` that is applied first, such as a `Blur`.

    Example:

    >>> from keras_synth.restoration import Blur, Mask
    >>> torn = Product(Mask(), Blur([[0.5, 0.5]]))
    >>> torn.input_names
    ('mask',)
    """

    def __init__(self, outer, inner):
        self.outer = outer
        self.inner = inner
        self.input_names = tuple(
            dict.fromkeys((*inner.input_names, *outer.input_names))
        )
        self.channels = outer.channels or inner.channels

    def given(self, inputs):
        return Product(self.outer.given(inputs), self.inner.given(inputs))

    def forward(self, x):
        return self.outer.forward(self.inner.forward(x))

    def adjoint(self, y):
        return self.inner.adjoint(self.outer.adjoint(y))

    def start(self, y):
        return self.inner.start(self.outer.start(y))

    def visible(self, x):
        return self.inner.visible(x)

    def noise_level(self, y):
        return self.outer.noise_level(y)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {"outer": serialize(self.outer), "inner": serialize(self.inner)}

    @classmethod
    def from_config(cls, config):
        restore = keras.saving.deserialize_keras_object
        return cls(restore(config["outer"]), restore(config["inner"]))


def conjugate_gradients(apply, right, precondition=None):
    """Conjugate gradients: solves `H u = b` for each image of a batch.

    Args:
        apply: Function from u to `H u`, symmetric and positive definite.
        right: b, float32 of four axes, batch first.
        precondition: Function from residuals to an approximation of `H⁻¹ r`.
            None for none.

    Returns:
        u, whose residual has at most 20 % of the norm of b, unless 100 steps
        did not suffice. The next iteration of `PlugAndPlay` corrects the rest:
        it restores as well as with 1 %, in fewer than half of the steps.
    """
    precondition = precondition or (lambda residual: residual)

    def dot(a, b):
        return tf.reduce_sum(a * b, axis=(1, 2, 3), keepdims=True)

    def far(residual):
        return dot(residual, residual) > goal

    def unfinished(u, residual, direction, energy, count):
        return (count < _LARGEST_COUNT) & tf.reduce_any(far(residual))

    def step(u, residual, direction, energy, count):
        near = precondition(residual)
        old, energy = energy, dot(residual, near)
        # Zeros at first, and where an image is finished to the last bit.
        direction = near + tf.math.divide_no_nan(energy, old) * direction
        applied = apply(direction)
        length = tf.math.divide_no_nan(energy, dot(direction, applied))
        # Images that are finished do not depend on the others of the batch.
        length = tf.where(far(residual), length, 0.0)
        u = u + length * direction
        residual = residual - length * applied
        return u, residual, direction, energy, count + 1

    start = tf.zeros_like(right)
    norm = dot(right, right)
    goal = _TOLERANCE**2 * norm
    found = tf.while_loop(
        unfinished,
        step,
        (start, right, start, tf.zeros_like(norm), 0),
        parallel_iterations=1,
    )
    return found[0]
