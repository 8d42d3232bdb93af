"""What every source of images gives."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Source:
    """A set of images, before any pipeline.

    Attributes:
        name: of the set.
        split: which part of it.
        dataset: `tf.data.Dataset` of `{"image": uint8 (height, width,
            channels), "label": int64}`, always in the same order.
        num_images: how many there are.
        image_shape: (height, width, channels); height and width are None
            where images differ in size.
        class_names: what the labels mean; empty where there are no classes.
        smallest: (height, width) at least as large as which all images
            are known to be; None where that is not known.
    """

    name: str
    split: str
    dataset: tf.data.Dataset
    num_images: int
    image_shape: tuple
    class_names: tuple = ()
    smallest: tuple | None = None

    def arrays(self):
        """All images and labels in memory.

        Returns:
            `(images, labels)`: float32 (n, height, width, channels) in
            [0, 1], and int64 (n,).

        Raises:
            ValueError: the images differ in size.
        """
        whole = self._whole("synthesis_pipeline")
        images = whole["image"].numpy().astype("float32") / 255.0
        return images, whole["label"].numpy()

    def _whole(self, pipeline):
        """All elements as one; `pipeline` is what to use where none is."""
        if None in self.image_shape:
            raise ValueError(
                f"The images of {self.name!r} differ in size, so they are "
                f"no single array: use `{pipeline}(source, image_size=...)`."
            )
        return self.dataset.batch(self.num_images).get_single_element()


@dataclasses.dataclass(frozen=True)
class PairedSource(Source):
    """A set of pairs: images, and what a model shall make them from.

    Attributes:
        dataset: `tf.data.Dataset` of `{"image": uint8 (height, width,
            channels), "degraded": uint8 (height, width, degraded_channels)}`,
            always in the same order: the target, and the input.
        degraded_channels: of the inputs.
        others: of the targets, as in `Source`.
    """

    degraded_channels: int = 3

    def arrays(self):
        """All pairs in memory, as `fit` takes them.

        Returns:
            `(degraded, images)`: float32 (n, height, width, channels) in
            [0, 1].

        Raises:
            ValueError: the images differ in size.
        """
        whole = self._whole("paired_pipeline")
        degraded, images = whole["degraded"].numpy(), whole["image"].numpy()
        return tuple(x.astype("float32") / 255.0 for x in (degraded, images))


def source_from_arrays(name, split, images, labels, class_names=()):
    """A `Source` from images in memory.

    Args:
        name: of the set.
        split: which part of it.
        images: uint8 (n, height, width, channels).
        labels: int (n,).
        class_names: what the labels mean.
    """
    dataset = tf.data.Dataset.from_tensor_slices(
        {"image": images, "label": labels.astype("int64")}
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
