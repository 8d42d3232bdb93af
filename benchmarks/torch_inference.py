"""The color denoiser and the upscaler in PyTorch: a peer's script.

The networks of `presets.color_denoiser` and `presets.upscaler(4)`, of random
weights. A line "NAME" is answered with the number of weights; a line "NAME
COUNT" runs that network so many times on one color image and is answered with
the seconds of each.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """`x + W₂ relu(W₁ x)`."""

    def __init__(self, width, bias):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=bias)

    def forward(self, x):
        return x + self.second(functional.relu(self.first(x)))


def blocks(width, count=2, bias=False):
    return nn.Sequential(*(Block(width, bias) for _ in range(count)))


class Denoiser(nn.Module):
    """Residual U-Net at half of the size, without biases."""

    def __init__(self, widths=(48, 96, 192)):
        super().__init__()
        pairs = [*zip(widths, widths[1:], strict=False)]
        self.first = nn.Conv2d(13, widths[0], 3, padding=1, bias=False)
        self.encoder = nn.ModuleList(blocks(width) for width in widths)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in pairs
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, stride=2, bias=False) for a, b in pairs
        )
        self.decoder = nn.ModuleList(blocks(width) for width in widths[:-1])
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1, bias=False)

    def forward(self, image):
        x = functional.pixel_unshuffle(image, 2)
        level = torch.full_like(x[:, :1], 0.1)
        x = self.encoder[0](self.first(torch.cat([x, level], dim=1)))
        known = []
        for down, encode in zip(self.down, self.encoder[1:], strict=True):
            known.append(x)
            x = encode(down(x))
        for up, decode in zip(self.up[::-1], self.decoder[::-1], strict=True):
            x = decode(up(x) + known.pop())
        return image - functional.pixel_shuffle(self.last(x), 2)


class Upscaler(nn.Module):
    """EDSR of 16 blocks, x4."""

    def __init__(self, width=64, count=16):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = blocks(width, count, bias=True)
        self.after = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, 48, 3, padding=1)

    def forward(self, image):
        x = self.first(image)
        x = x + self.after(self.blocks(x))
        large = functional.interpolate(image, scale_factor=4)
        return large + functional.pixel_shuffle(self.last(x), 4)


def main(side, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    # The layout that is faster on a CPU.
    image = torch.rand(1, 3, side, side).to(memory_format=torch.channels_last)
    networks = {"denoiser": Denoiser(), "upscaler": Upscaler()}
    for network in networks.values():
        network.to(memory_format=torch.channels_last).eval()
    for line in sys.stdin:
        name, *count = line.split()
        if not count:
            print(sum(each.numel() for each in networks[name].parameters()))
        else:
            print(*seconds(networks[name], image, int(*count)))
        sys.stdout.flush()


@torch.inference_mode()
def seconds(network, image, count):
    found = []
    for _ in range(count):
        start = time.perf_counter()
        network(image).sum().item()
        found.append(time.perf_counter() - start)
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
