"""Image sources: data sets of images, labels or pairs."""

import dataclasses

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


def source_from_arrays(name, split, images, labels, class_names=()):
    """Image source from arrays in memory.

    Args:
        name: Name of the set.
        split: Split of the set.
        images: uint8 (n, height, width, channels).
        labels: int (n,), the class of each image.
        class_names: Names of the classes, by label; empty without classes.

    Returns:
        A `Source`.
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
