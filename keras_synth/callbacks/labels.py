"""Labels of the images that callbacks draw, checked before training."""


def check_labels(model, labels, count):
    """Refuses labels that do not fit a model or the number of its images.

    Args:
        model: A generator. One without `condition` is not asked.
        labels: A condition, see `models.conditions`, or None.
        count: Number of images.

    Raises:
        ValueError: The labels do not fit.
    """
    condition = getattr(model, "condition", None)
    if labels is not None and condition is not None:
        condition.tensors(labels, count)
