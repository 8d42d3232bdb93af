"""Image sources: data sets of images, labels or pairs."""

import dataclasses

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set of images, before any pipeline.

    Attributes:
        name: Name of the set.
        split: Split of the set.
        dataset: `tf.data.Dataset` of `{"image": uint8 (height, width,
            channels), "label": int64}`, always in the same order.
        num_images: Number of images.
        image_shape: (height, width, channels); height and width are None
            where images differ in size.
        class_names: Names of the classes, by label; empty without classes.
        smallest: Lower bound (height, width) of the sizes of the images. None
            where it is not known.
        files: Paths of the images of a folder, in order; empty elsewhere.
        captions: Texts that describe each image, a tuple of str for each;
            empty without captions. `label` is then the number of the image.
        made: How the images were made of the set's, such as "padded"; empty
            where they are as they were. Tells cache files apart.
    """

    name: str
    split: str
    dataset: tf.data.Dataset
    num_images: int
    image_shape: tuple
    class_names: tuple = ()
    smallest: tuple | None = None
    files: tuple = ()
    captions: tuple = ()
    made: str = ""

    def __post_init__(self):
        spec = self.dataset.element_spec
        image = spec.get("image") if isinstance(spec, dict) else None
        if image is None or image.dtype != tf.uint8 or image.shape.rank != 3:
            raise ValueError(
                "A source holds images of 8 bits, uint8 (height, width, "
                'channels), under the key "image". Floats in [0, 1] are '
                'converted by `np.rint(255 * images).astype("uint8")`. '
                f"Received: {spec}"
            )

    def arrays(self):
        """All images and labels in memory.

        Returns:
            `(images, labels)`: float32 (n, height, width, channels) in
            [0, 1], and int64 (n,).

        Raises:
            ValueError: The images differ in size.
        """
        whole = self._whole("synthesis_pipeline")
        images = whole["image"].numpy().astype("float32") / 255.0
        return images, whole["label"].numpy()

    def _whole(self, pipeline):
        """All elements as one; an error recommends `pipeline` instead."""
        if None in self.image_shape:
            raise ValueError(
                f"The images of {self.name!r} differ in size, so they are "
                f"no single array: use `{pipeline}(source, image_size=...)`."
            )
        return self.dataset.batch(self.num_images).get_single_element()


@dataclasses.dataclass(frozen=True)
class PairedSource(Source):
    """A data set of image pairs: targets, and the sources to make them from.

    Attributes:
        dataset: `tf.data.Dataset` of `{"image": uint8 (height, width,
            channels), "degraded": uint8 (height, width, degraded_channels)}`,
            always in the same order: the target, and its source.
        degraded_channels: Channels of the sources.
        others: Those of the targets, as in `Source`.
    """

    degraded_channels: int = 3

    def arrays(self):
        """All pairs in memory, as `fit` takes them.

        Returns:
            `(degraded, images)`: float32 (n, height, width, channels) in
            [0, 1].

        Raises:
            ValueError: The images differ in size.
        """
        whole = self._whole("paired_pipeline")
        degraded, images = whole["degraded"].numpy(), whole["image"].numpy()
        return tuple(x.astype("float32") / 255.0 for x in (degraded, images))


def source_from_arrays(name, split, images, labels=None, class_names=()):
    """Image source from arrays in memory.

    Args:
        name: Name of the set.
        split: Split of the set.
        images: uint8 (n, height, width, channels).
        labels: int (n,), the class of each image. None for none.
        class_names: Names of the classes, by label; empty without classes.

    Returns:
        A `Source`.

    Raises:
        ValueError: Images are not uint8, or labels do not fit.
    """
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            "`images` must be (n, height, width, channels), n at least 1. "
            f"Received: shape {images.shape}"
        )
    labels = _checked_labels(labels, len(images), len(class_names))
    dataset = tf.data.Dataset.from_tensor_slices(
        {"image": images, "label": labels}
    )
    return Source(
        name=name,
        split=split,
        dataset=dataset,
        num_images=len(images),
        image_shape=images.shape[1:],
        class_names=tuple(class_names),
        smallest=images.shape[1:3],
    )


def _checked_labels(labels, count, num_classes):
    """Labels as int64 (count,); zeros for None."""
    if labels is None:
        labels = np.zeros(count)
    labels = np.asarray(labels)
    whole = labels.dtype.kind in "biuf" and (labels % 1 == 0).all()
    if labels.shape != (count,) or not whole:
        raise ValueError(
            f"`labels` must be ints, the class of each of {count} images. "
            f"Received: {labels.dtype}, shape {labels.shape}"
        )
    if num_classes and not (0 <= labels.min() <= labels.max() < num_classes):
        raise ValueError(
            f"`labels` must be from 0 to {num_classes - 1}, one for each of "
            f"`class_names`. Received: from {labels.min()} to {labels.max()}"
        )
    return labels.astype("int64")
