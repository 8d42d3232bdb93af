"""DPIR of deepinv with a denoiser in ONNX: a peer's script.

Run by `benchmarks.plug_and_play` in an environment that has deepinv and ONNX
Runtime. Each line "IN OUT LEVEL" read restores the image of IN, a `.npz` of
`y` (height, width, 3) and `kernel`, blurred with circular borders and noise of
σ = LEVEL; writes it to the `.npy` OUT, and answers "done".
"""

import sys

import deepinv
import numpy as np
import onnxruntime
import torch


class Denoiser(deepinv.models.Denoiser):
    """A network in ONNX, given images as deepinv has them."""

    def __init__(self, path):
        super().__init__(device="cpu")
        self.session = onnxruntime.InferenceSession(path)

    def forward(self, x, sigma, **kwargs):
        level = np.full((len(x), 1, 1, 1), float(sigma), "float32")
        image = x.permute(0, 2, 3, 1).contiguous().numpy()
        (made,) = self.session.run(None, {"image": image, "noise_level": level})
        return torch.from_numpy(made).permute(0, 3, 1, 2).contiguous()


def main(path):
    denoiser = Denoiser(path)
    for line in sys.stdin:
        source, target, level = line.split()
        given = np.load(source)
        y = torch.from_numpy(given["y"]).permute(2, 0, 1)[None]
        kernel = torch.from_numpy(given["kernel"])[None, None]
        physics = deepinv.physics.BlurFFT(y.shape[1:], kernel)
        model = deepinv.optim.DPIR(
            sigma=float(level), denoiser=denoiser, device="cpu"
        )
        with torch.no_grad():
            made = model(y, physics)
        np.save(target, made[0].permute(1, 2, 0).numpy())
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
