"""Mistakes with styles, said before any training."""

from keras_synth.losses import PathLength


def check_style_networks(mapping, synthesis):
    """Refuses a mapping and a synthesis network that do not fit."""
    for name, network, number in (
        ("mapping", mapping, "one or two"),
        ("synthesis", synthesis, "two"),
    ):
        inputs = getattr(network, "inputs", None) or ()
        if len(inputs) not in ((2,) if number == "two" else (1, 2)):
            raise ValueError(
                f"`{name}` must be a functional `keras.Model` of {number} "
                f"inputs. Received: {network!r}"
            )
    shape = tuple(synthesis.inputs[0].shape)
    if len(shape) != 3:
        raise ValueError(
            "`synthesis` must take `[styles, noise]`, (batch, layers, "
            f"style_dim) and (batch, values). Received: styles of {shape}"
        )
    made = mapping.outputs[0].shape[-1]
    if made != shape[-1]:
        raise ValueError(
            f"`mapping` makes styles of {made} dimensions, `synthesis` takes "
            f"{shape[-1]}: make both with the same `style_dim`."
        )
    if mapping.name == synthesis.name:
        raise ValueError(
            "`mapping` and `synthesis` must have names of their own. "
            f"Received: {mapping.name!r} twice"
        )


def check_style_options(path_length, style_mixing, style_decay):
    """Refuses values out of range."""
    if path_length is not None and not isinstance(path_length, PathLength):
        raise ValueError(
            "`path_length` must be None, a `losses.PathLength` or "
            f'"paper". Received: path_length={path_length!r}'
        )
    if not 0 <= style_mixing <= 1:
        raise ValueError(
            "`style_mixing` must be from 0 to 1. "
            f"Received: style_mixing={style_mixing!r}"
        )
    if not 0 <= style_decay < 1:
        raise ValueError(
            "`style_decay` must be at least 0 and below 1. "
            f"Received: style_decay={style_decay!r}"
        )


def check_styles(styles, num_layers, style_dim):
    """Refuses what is neither a w nor a w+."""
    shape = tuple(styles.shape)[1:]
    if shape not in ((style_dim,), (num_layers, style_dim)):
        raise ValueError(
            f"Styles must be of shape (batch, {style_dim}), or (batch, "
            f"{num_layers}, {style_dim}) with one for each layer. "
            f"Received: shape {tuple(styles.shape)}"
        )


def check_crossing(at, num_layers):
    """Refuses a layer that does not exist."""
    if not isinstance(at, int) or not 0 <= at <= num_layers:
        raise ValueError(
            f"`at` must be an int from 0 to {num_layers}. Received: at={at!r}"
        )
