"""Speed as ratios: training step, input pipeline, import.

Both sides of a ratio run in turns in one process, and the ratio is that of
their medians, so that a noisy machine disturbs both alike.
"""

import subprocess
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.gan import load
from benchmarks.rows import figure, write_row
from keras_synth import datasets, models, networks

STEP = "Training step against a loop written by hand"


def run(name):
    """Measures one row."""
    {
        "step_time": step_time,
        "gan_step_time": gan_step_time,
        "pipeline": pipeline,
        "import_time": imports,
    }[name]()


def step_time(repetitions=40):
    """A VAE's step in `fit` against a compiled loop written by hand."""
    write_row(
        "step_time",
        STEP,
        _step_figures(_vae_steps, ("dense", "conv"), repetitions),
        data="a batch of 100 binary images of 28x28",
        protocol=(
            f"time a step of `fit` over that of a bare tf.function with the "
            f"same networks and Adam, {repetitions} turns of 20 steps"
        ),
        seed=0,
    )


def gan_step_time(repetitions=10):
    """A GAN's step in `fit` against a compiled loop written by hand."""
    write_row(
        "gan_step_time",
        STEP,
        _step_figures(_gan_steps, ("dense", "dcgan"), repetitions),
        data="a batch of 64 images of 28x28",
        protocol=(
            "time a step of `fit` over that of a bare tf.function with the "
            "same networks, two Adams and the average, but no logs, "
            f"{repetitions} turns of 20 steps"
        ),
        seed=0,
    )


def _step_figures(steps_of, kinds, repetitions):
    figures = {}
    for kind in kinds:
        ours, bare = _step_seconds(*steps_of(kind), repetitions)
        figures[f"{kind}: time ratio"] = figure(
            ours / bare, "ratio", better="lower", bar=1.1
        )
        figures[f"{kind}: step"] = figure(
            1e3 * ours,
            "ms",
            1,
            better="lower",
            baseline=1e3 * bare,
            baseline_name="by hand",
        )
    return figures


def _step_seconds(model, bare_step, images, repetitions):
    """Medians of `fit`'s step and the bare one's, taken in turns."""
    ours, bare = [], []
    data = tf.data.Dataset.from_tensors(images).repeat().prefetch(8)
    clock = _StepClock(ours)
    model.fit(data, steps_per_epoch=10, epochs=1, verbose=0)  # compile
    for _ in range(10):
        bare_step(images)
    iterator = iter(data)
    for _ in range(repetitions):
        model.fit(
            data, steps_per_epoch=20, epochs=1, verbose=0, callbacks=[clock]
        )
        for step in range(20):
            start = time.perf_counter()
            loss = bare_step(next(iterator))
            loss.numpy()
            if step > 1:
                bare.append(time.perf_counter() - start)
    return np.median(ours), np.median(bare)


class _StepClock(keras.callbacks.Callback):
    """Times from one batch's end to the next one's end."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def on_epoch_begin(self, epoch, logs=None):
        self.last = None

    def on_train_batch_end(self, batch, logs=None):
        float(logs["loss"])  # what a progress bar does
        now = time.perf_counter()
        if batch > 1:
            self.times.append(now - self.last)
        self.last = now


def _vae_steps(kind):
    shape, latent_dim = (28, 28, 1), 40
    make_encoder = getattr(networks, f"{kind}_encoder")
    make_decoder = getattr(networks, f"{kind}_decoder")
    vae = models.VAE(
        make_encoder(shape, latent_dim), make_decoder(shape, latent_dim)
    )
    vae.compile(keras.optimizers.Adam(1e-3))
    encoder = make_encoder(shape, latent_dim)
    decoder = make_decoder(shape, latent_dim)
    optimizer = keras.optimizers.Adam(1e-3)
    variables = encoder.trainable_variables + decoder.trainable_variables
    optimizer.build(variables)

    @tf.function
    def bare_step(images):
        with tf.GradientTape() as tape:
            mean, log_variance = encoder(images, training=True)
            noise = tf.random.normal(tf.shape(mean))
            logits = decoder(
                mean + tf.exp(0.5 * log_variance) * noise, training=True
            )
            reconstruction = tf.reduce_sum(
                tf.nn.sigmoid_cross_entropy_with_logits(images, logits),
                axis=(1, 2, 3),
            )
            kl = 0.5 * tf.reduce_sum(
                mean**2 + tf.exp(log_variance) - 1.0 - log_variance, axis=1
            )
            loss = tf.reduce_mean(reconstruction + kl)
        gradients = tape.gradient(loss, variables)
        optimizer.apply(gradients, variables)
        return loss

    gray = np.random.RandomState(0).uniform(size=(100, *shape))
    return vae, bare_step, tf.constant(gray > 0.5, "float32")


def _gan_steps(kind):
    shape, latent_dim = (28, 28, 1), 64

    def make():
        return (
            getattr(networks, f"{kind}_generator")(shape, latent_dim),
            getattr(networks, f"{kind}_discriminator")(
                shape, normalization=None
            ),
        )

    gan = models.GAN(*make())
    gan.compile()
    (generator, discriminator), (average, _) = make(), make()
    optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]
    for optimizer, network in zip(
        optimizers, (generator, discriminator), strict=True
    ):
        optimizer.build(network.trainable_variables)

    @tf.function
    def bare_step(images):
        noise = tf.random.normal((tf.shape(images)[0], latent_dim))
        fakes = generator(noise, training=True)
        with tf.GradientTape() as tape:
            real = discriminator(images, training=True)
            fake = discriminator(fakes, training=True)
            discriminator_loss = tf.reduce_mean(
                tf.nn.softplus(-real)
            ) + tf.reduce_mean(tf.nn.softplus(fake))
        variables = discriminator.trainable_variables
        gradients = tape.gradient(discriminator_loss, variables)
        optimizers[1].apply(gradients, variables)
        noise = tf.random.normal((tf.shape(images)[0], latent_dim))
        with tf.GradientTape() as tape:
            fake = discriminator(generator(noise, training=True), training=True)
            generator_loss = tf.reduce_mean(tf.nn.softplus(-fake))
        variables = generator.trainable_variables
        gradients = tape.gradient(generator_loss, variables)
        optimizers[0].apply(gradients, variables)
        for old, new in zip(average.weights, generator.weights, strict=True):
            old.assign(0.999 * old + 0.001 * new)
        return discriminator_loss + generator_loss

    gray = np.random.RandomState(0).uniform(size=(64, *shape))
    return gan, bare_step, tf.constant(gray, "float32")


def pipeline(repetitions=7):
    """Our pipeline's images a second against a bare tf.data loop's."""
    source = load("mnist", "train")
    batch_size = 100
    ours = datasets.synthesis_pipeline(source, batch_size=batch_size)
    bare = (
        source.dataset.cache()
        .shuffle(source.num_images)
        .batch(
            batch_size,
            drop_remainder=True,
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .map(
            lambda batch: tf.cast(batch["image"], "float32") / 255.0,
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .prefetch(tf.data.AUTOTUNE)
    )
    rates = {"ours": [], "bare": []}
    for repetition in range(repetitions + 1):
        for name, data in (("ours", ours), ("bare", bare)):
            start = time.perf_counter()
            count = sum(batch.shape[0] for batch in data)
            if repetition:  # the first pass fills the cache
                rates[name].append(count / (time.perf_counter() - start))
    medians = {name: np.median(values) for name, values in rates.items()}
    write_row(
        "pipeline",
        "Input pipeline against a bare tf.data loop",
        {
            "speed ratio": figure(
                medians["ours"] / medians["bare"],
                "ratio",
                better="higher",
                bar=0.95,
            ),
            "speed": figure(
                medians["ours"],
                "images/s",
                0,
                better="higher",
                baseline=medians["bare"],
                baseline_name="bare loop",
            ),
        },
        data="MNIST, 60,000 training digits",
        protocol=(
            "images a second of `synthesis_pipeline` over those of a bare "
            f"cache, shuffle, batch, map, prefetch; {repetitions} passes each"
        ),
        seed=0,
    )


def imports(repetitions=5):
    """Seconds that keras_synth adds to `import tensorflow, keras`."""
    code = (
        "import time, tensorflow, keras; start = time.perf_counter(); "
        "import keras_synth; one = time.perf_counter(); "
        "[getattr(keras_synth, name) for name in dir(keras_synth)]; "
        "print(one - start, time.perf_counter() - one)"
    )
    seconds = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(repetitions)
    ]
    package, modules = np.median(np.array(seconds, "float"), axis=0)
    write_row(
        "import_time",
        "Import of keras_synth after TensorFlow and Keras",
        {
            "import": figure(package, "s", 4, better="lower", bar=0.5),
            "all its submodules then": figure(modules, "s", better="lower"),
        },
        data="none",
        protocol=(
            f"after `import tensorflow, keras`; median of {repetitions} "
            "fresh processes"
        ),
        seed=0,
    )
