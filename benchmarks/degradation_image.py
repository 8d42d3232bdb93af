"""Figure: all kinds of degradation, each at severity 3."""

from benchmarks.rows import ROOT
from keras_synth import degradations

PATH = ROOT / "notebooks" / "images" / "degradation.png"
SEED = 5
SIDE = 160
COLUMNS = 5


def run(name):
    """Draws the panel and writes it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    clean = _photograph()
    panels = {"clean": clean}
    for kind, degradation in degradations.CATALOG.items():
        panels[kind] = (
            degradation.severity(3)(clean, SEED).numpy().clip(0.0, 1.0)
        )
    old = degradations.Compose(
        [
            degradations.LowContrast(0.7, brightness=0.08),
            degradations.GaussianBlur(0.8),
            degradations.Stains.severity(2),
            degradations.Scratches.severity(3),
            degradations.Dust.severity(3),
        ]
    )
    panels["Compose: an old print"] = old(clean, SEED).numpy().clip(0.0, 1.0)

    rows = -(-len(panels) // COLUMNS)
    cell, label = SIDE + 8, 20
    width, height = COLUMNS * cell + 8, rows * (cell + label) + 4
    figure = pyplot.figure(figsize=(width / 100, height / 100), dpi=100)
    for index, (title, image) in enumerate(panels.items()):
        row, column = divmod(index, COLUMNS)
        left, top = 8 + column * cell, label + row * (cell + label)
        axes = figure.add_axes(
            (
                left / width,
                1 - (top + SIDE) / height,
                SIDE / width,
                SIDE / height,
            )
        )
        # 48 levels are enough to see degradation by, in a smaller file.
        axes.imshow((image * 47).round() / 47, interpolation="nearest")
        axes.set_title(title, fontsize=8, pad=3)
        axes.axis("off")
    PATH.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PATH, dpi=100, pil_kwargs={"optimize": True})
    pyplot.close(figure)
    print(f"written: {PATH}")


def _photograph():
    """A face and what is around it, float32 (SIDE, SIDE, 3)."""
    import skimage.data
    import skimage.transform

    crop = skimage.data.astronaut()[:320, 60:380]
    small = skimage.transform.resize(crop, (SIDE, SIDE), anti_aliasing=True)
    return small.astype("float32")
