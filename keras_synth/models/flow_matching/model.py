"""Flow matching: a network learns the velocity from noise to images.

Images x₀ and noise ε ~ N(0, I) are mixed, `x_t = s(t) x₀ + t ε`, with a random
time t. The network predicts where x_t comes from, by least squares; its mean
prediction is the velocity of an ordinary differential equation,

    dx/dt = (x - E[x₀ | x_t = x]) / t

which carries noise, at the largest t, to images, at t = 0. Latents are that
noise; each image has exactly one.
"""

import math

import keras
import tensorflow as tf
from keras import ops

from keras_synth.models.averages import (
    check_decay,
    frozen_copy,
    move_averages,
)
from keras_synth.models.checks import check_is_network, is_weight
from keras_synth.models.flow_matching.parameterizations import (
    EDM,
    Flow,
    error_weight,
    levels,
)
from keras_synth.models.flow_matching.sampler import (
    FlowSampler,
    check_sampler,
)
from keras_synth.models.flow_matching.use import LatentFlow, as_images
from keras_synth.models.parts import deserialized
from keras_synth.models.replicas import gradient_step
from keras_synth.ops import ReplicaSeedGenerator, mean_or_zero


@keras.saving.register_keras_serializable("keras_synth")
class FlowMatching(LatentFlow):
    """Flow matching (rectified flow), or an EDM diffusion model.

    Trained on images alone (`fit(images)` or a dataset of images), or on
    images and a condition, `fit(images, labels)`, where the network takes
    one: a class, a vector, tokens or a text (see `models.conditions`).

    The loss is the mean square of the network's error, times a weight
    (`compile(weighting=...)`). Log names: `loss`, and the metrics given to
    `compile`. `sample` and all other uses, and `evaluate`, take the moving
    average of the network.

    A model trained with `condition_dropout` also has an unconditional flow:
    in every use, `labels=None` stands for no condition, and classifier-free
    guidance goes from the one flow through the other and beyond:
    `v = v_none + guidance · (v_condition - v_none)`.

    A model with a `guide` has autoguidance instead, with or without a
    condition: from the flow of that weaker network through its own and
    beyond, `v = v_guide + guidance · (v - v_guide)`. Where the weak network
    errs more in the same way, this undoes errors of the strong one.

    Args:
        network: Network from `[image, time]`, or `[image, time, ...]` with a
            condition, to the shape of the image, unbounded, such as
            `networks.diffusion_unet` or `networks.dit`.
        parameterization: "flow" for rectified flow, "edm" for EDM's
            preconditioning and noise levels.
        sampler: The `models.FlowSampler` of all uses that are given no other.
            None for 20 steps of Heun's method.
        guidance: Guidance of all uses that are given no other. 1 is the flow
            of the network, 0 the one without a condition, or of the guide.
        guide: A weaker network from and to the same shapes: a smaller one
            that was trained less on the same images and parameterization,
            such as the `network_average` of another model. It is copied and
            not trained. None for classifier-free guidance.
        sigma_data: Standard deviation σ_d of the images in [-1, 1].
        seed: Seed of all noise in training, an int. None draws a random one.

    Attributes:
        latent_dim: Number of values of an image: latents are its noise,
            flattened.

    Raises:
        ValueError: Arguments that do not fit together.

    Reference: Lipman et al., Flow Matching for Generative Modeling, 2023;
    Liu et al., Flow Straight and Fast, 2023; Karras et al., Elucidating the
    Design Space of Diffusion-Based Generative Models, 2022; guidance: Ho &
    Salimans, Classifier-Free Diffusion Guidance, 2022, equation 6;
    autoguidance: Karras et al., Guiding a Diffusion Model with a Bad Version
    of Itself, 2024, section 4.

    Example:

    >>> from keras_synth import networks
    >>> flow = FlowMatching(networks.dit((8, 8, 1), width=8, num_blocks=1))
    >>> flow.compile()
    >>> flow.sample(3, seed=0, sampler=FlowSampler("euler", 4)).shape
    TensorShape([3, 8, 8, 1])
    """

    def __init__(
        self,
        network,
        parameterization="flow",
        sampler=None,
        guidance=1.0,
        sigma_data=0.5,
        seed=None,
        guide=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check_arguments(network, parameterization, guidance, sigma_data)
        if guide is not None:
            _check_guide(guide, network)
        self.network = network
        self.network_average = frozen_copy(network)
        self.guide = None if guide is None else frozen_copy(guide)
        self.average_steps = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="average_steps"
        )
        self.parameterization = parameterization
        self.schedule = (
            Flow() if parameterization == "flow" else EDM(sigma_data)
        )
        self.sampler = FlowSampler() if sampler is None else sampler
        check_sampler(self.sampler)
        self.guidance = float(guidance)
        self.sigma_data = float(sigma_data)
        self.seed = seed
        self.seed_generator = ReplicaSeedGenerator(seed)
        # So that validation leaves the training's noise alone.
        self.evaluation_seeds = ReplicaSeedGenerator(seed)
        self.image_shape = tuple(network.outputs[0].shape[1:])
        self.latent_dim = math.prod(self.image_shape)
        self.loss_tracker = keras.metrics.Mean("loss")
        self.built = True

    def compile(
        self,
        optimizer=None,
        loss=None,
        metrics=None,
        times="logit_normal",
        weighting=None,
        condition_dropout=0.1,
        average_decay=0.999,
        **kwargs,
    ):
        """Configures training.

        Args:
            optimizer: Name of an optimizer, or a Keras optimizer; `Adam(5e-4)`
                by default.
            loss: Not for this model: its loss is the squared error of the
                velocity.
            metrics: List of metrics that compare the images with what the
                model makes of them with noise, `E[x₀ | x_t]`, such as
                `metrics.PSNR()`.
            times: Distribution of the times: "logit_normal" (ln σ is normal:
                Esser et al. 2024 for a flow, Karras et al. 2022 for EDM),
                "uniform", or the mean and the standard deviation of ln σ.
            weighting: Weight of the squared error: None for 1 on what the
                network predicts; "edm" or "min_snr".
            condition_dropout: Share of the images that are trained without
                their condition, in [0, 1]. 0 leaves no unconditional flow,
                which guidance needs.
            average_decay: Decay of the moving average of the weights, in
                [0, 1).
            **kwargs: Further arguments of `keras.Model.compile`
                (`steps_per_execution`, `jit_compile`, ...).

        Reference: Esser et al., Scaling Rectified Flow Transformers for
        High-Resolution Image Synthesis, 2024, section 3.1.
        """
        for name in ("loss_weights", "weighted_metrics"):
            if kwargs.get(name) is not None:
                loss = {name: kwargs[name]}
        if loss is not None:
            raise ValueError(
                "FlowMatching minimizes the squared error of its network: call "
                "compile without `loss`, `loss_weights` and "
                f"`weighted_metrics`. Received: {loss!r}"
            )
        _check_training(times, weighting, condition_dropout)
        check_decay(average_decay)
        if optimizer is None:
            optimizer = keras.optimizers.Adam(5e-4)
        super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
        if metrics:
            # Or Keras builds them from `call`, which takes latents.
            nothing = ops.zeros((1, *self.image_shape))
            self.compute_metrics(None, nothing, nothing + 1.0)
            self.reset_metrics()
        self.optimizer.build(self.network.trainable_variables)
        self.times = times
        self.weighting = weighting
        self.condition_dropout = condition_dropout
        self.average_decay = average_decay

    def get_compile_config(self):
        """The arguments of `compile`, serialized; Keras saves them."""
        config = super().get_compile_config()
        if config:
            times = self.times
            config.update(
                times=times if isinstance(times, str) else list(times),
                weighting=self.weighting,
                condition_dropout=self.condition_dropout,
                average_decay=self.average_decay,
            )
        return config

    # Training ---------------------------------------------------------------

    def train_step(self, data):
        images, *condition = self._batch(data)
        draws = self.draw(images, self.seed_generator)
        condition = self._dropped(condition, draws)
        with tf.GradientTape() as tape:
            loss, denoised = self._loss(
                self.network, images, condition, draws, training=True
            )
            regularization = sum(self.network.losses)
        gradient_step(
            tape,
            loss,
            regularization,
            self.optimizer,
            self.network.trainable_variables,
            images,
        )
        self.average_steps.assign_add(1.0)
        steps = ops.convert_to_tensor(self.average_steps)
        move_averages(
            [(self.network_average, self.network)], self.average_decay, steps
        )
        return self._update_logs(images, denoised, loss + regularization)

    def test_step(self, data):
        images, *condition = self._batch(data)
        draws = self.draw(images, self.evaluation_seeds)
        loss, denoised = self._loss(
            self.network_average, images, condition, draws
        )
        loss += sum(self.network.losses)
        return self._update_logs(images, denoised, loss)

    def draw(self, images, seeds):
        """Random draws of a step: time, noise, and whether to drop.

        Args:
            images: Images of this replica.
            seeds: The seed generator to draw from.

        Returns:
            `(t, noise, u)`: times (batch,), noise like the images, and
            uniform numbers (batch,).
        """
        count = ops.shape(images)[:1]
        options = {"dtype": "float32", "seed": seeds}
        draws = keras.random.normal(count, **options)
        noise = keras.random.normal(ops.shape(images), **options)
        uniform = keras.random.uniform(count, **options)
        return levels(draws, self.schedule, self.times), noise, uniform

    def _dropped(self, condition, draws):
        """The condition, replaced by none for some images."""
        dropped = draws[-1] < self.condition_dropout
        absent = self.condition.absent(ops.shape(dropped)[0])
        return [
            ops.where(
                ops.reshape(dropped, (-1, *(1 for _ in each.shape[1:]))),
                ops.cast(none, each.dtype),
                each,
            )
            for each, none in zip(condition, absent, strict=True)
        ]

    def _loss(self, network, images, condition, draws, training=False):
        """The loss of a batch, and the denoised images in [0, 1]."""
        t, noise, _ = draws
        column = ops.reshape(t, (-1, 1, 1, 1))
        clean = 2.0 * images - 1.0
        x = self.schedule.signal(column) * clean + column * noise
        output = self._run(network, x, t, condition, training)
        error = output - self.schedule.target(clean, noise, column)
        per_image = ops.mean(ops.square(error), axis=(1, 2, 3))
        weight = error_weight(self.schedule, t, self.weighting, self.sigma_data)
        denoised = self.schedule.denoised(x, column, output)
        return mean_or_zero(weight * per_image), as_images(denoised)

    def own_metrics(self):
        return [self.loss_tracker]

    def _update_logs(self, images, denoised, loss):
        if self.compiled_metrics():
            self.compute_metrics(None, images, denoised)
        self.loss_tracker.update_state(loss, ops.shape(images)[0])
        return {"loss": self.loss_tracker.result(), **self.compiled_results()}

    def get_config(self):
        config = super().get_config()
        serialize = keras.saving.serialize_keras_object
        config.update(
            network=serialize(self.network),
            parameterization=self.parameterization,
            sampler=serialize(self.sampler),
            guidance=self.guidance,
            sigma_data=self.sigma_data,
            seed=self.seed,
            guide=None if self.guide is None else serialize(self.guide),
        )
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = {"guide": None} | config  # older files have none
        names = ("network", "sampler", "guide")
        return cls(**deserialized(config, names, custom_objects))


def _check_arguments(network, parameterization, guidance, sigma_data):
    """Refuses networks and arguments that do not fit."""
    check_is_network(network, "network")
    image, *others = network.inputs
    shape = tuple(network.outputs[0].shape)
    if (
        not others
        or len(image.shape) != 4
        or len(others[0].shape) != 1
        or tuple(image.shape) != shape
        or None in shape[1:]
    ):
        raise ValueError(
            "`network` must go from [image, time], (batch, height, width, "
            "channels) and (batch,), to the shape of the image, such as "
            "`networks.diffusion_unet(image_shape)`. Received: from "
            f"{[tuple(each.shape) for each in network.inputs]} to {shape}"
        )
    if parameterization not in ("flow", "edm"):
        raise ValueError(
            '`parameterization` must be "flow" or "edm". '
            f"Received: parameterization={parameterization!r}"
        )
    if not is_weight(guidance):
        raise ValueError(
            "`guidance` must be a number of at least 0. "
            f"Received: guidance={guidance!r}"
        )
    if not is_weight(sigma_data) or not sigma_data:
        raise ValueError(
            "`sigma_data` must be a number above 0. "
            f"Received: sigma_data={sigma_data!r}"
        )


def _check_guide(guide, network):
    """Refuses a guide of another kind or for other images."""
    check_is_network(guide, "guide")
    taken, wanted = (
        [(each.shape[1:], each.dtype) for each in one.inputs]
        for one in (guide, network)
    )
    if taken != wanted or guide.outputs[0].shape != network.outputs[0].shape:
        raise ValueError(
            "`guide` must have the inputs and the output of `network`, "
            f"{wanted}. Received: {taken} to {guide.outputs[0].shape}"
        )


def _check_training(times, weighting, condition_dropout):
    """Refuses arguments of `compile` that are out of range."""
    named = ("logit_normal", "uniform")
    pair = (
        isinstance(times, list | tuple)
        and len(times) == 2
        and all(isinstance(each, int | float) for each in times)
        and math.isfinite(times[0])
        and times[1] > 0
    )
    if not pair and times not in named:
        raise ValueError(
            '`times` must be "logit_normal", "uniform" or (mean, standard '
            f"deviation) of ln σ. Received: times={times!r}"
        )
    if weighting not in (None, "edm", "min_snr"):
        raise ValueError(
            '`weighting` must be None, "edm" or "min_snr". '
            f"Received: weighting={weighting!r}"
        )
    if not is_weight(condition_dropout) or condition_dropout > 1.0:
        raise ValueError(
            "`condition_dropout` must be in [0, 1]. "
            f"Received: condition_dropout={condition_dropout!r}"
        )
