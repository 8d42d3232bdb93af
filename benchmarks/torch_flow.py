"""Flow matching in PyTorch, as small as it can be: a peer's script.

Run by `benchmarks.flow` in an environment that has PyTorch. The U-Net is that
of `networks.diffusion_unet` for 28x28 gray images. A line "parameters" is
answered with the number of weights; a line with a number trains so many steps
and is answered with the seconds of each.
"""

import copy
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Residual block with scale and shift, and attention where it is small."""

    def __init__(self, before, width, dim, attention):
        super().__init__()
        self.width = width
        self.first = nn.GroupNorm(8, before)
        self.into = nn.Conv2d(before, width, 3, padding=1)
        self.modulation = nn.Linear(dim, 2 * width)
        self.second = nn.GroupNorm(8, width)
        self.out = nn.Conv2d(width, width, 3, padding=1)
        self.skip = nn.Identity()
        if before != width:
            self.skip = nn.Conv2d(before, width, 1)
        self.attention = None
        if attention:
            self.third = nn.GroupNorm(8, width)
            self.attention = nn.MultiheadAttention(
                width, max(width // 32, 1), batch_first=True
            )

    def forward(self, x, embedding):
        y = self.into(functional.silu(self.first(x)))
        scale, shift = self.modulation(embedding)[..., None, None].chunk(2, 1)
        y = functional.silu(self.second(y) * (1 + scale) + shift)
        x = self.skip(x) + self.out(y)
        if self.attention is None:
            return x
        y = self.third(x).flatten(2).transpose(1, 2)
        y = self.attention(y, y, y, need_weights=False)[0]
        return x + y.transpose(1, 2).reshape(x.shape)


class UNet(nn.Module):
    """The U-Net of 28, 14 and 7 pixels."""

    def __init__(self, width):
        super().__init__()
        widths = (width, 2 * width, 2 * width)
        dim = 4 * width
        self.half = max(dim // 4, 2)
        self.time = nn.Sequential(
            nn.Linear(2 * self.half, dim), nn.SiLU(), nn.Linear(dim, dim)
        )
        self.start = nn.Conv2d(1, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        x, known = width, [width]
        for level, wide in enumerate(widths):
            stride = nn.Conv2d(x, x, 3, stride=2, padding=1) if level else None
            known += [x] if level else []
            blocks = nn.ModuleList()
            for _ in range(2):
                blocks.append(Block(x, wide, dim, level > 0))
                x = wide
                known.append(x)
            self.down.append(nn.ModuleList([stride or nn.Identity(), blocks]))
        self.middle = nn.ModuleList(
            [Block(x, x, dim, True), Block(x, x, dim, False)]
        )
        for level, wide in reversed([*enumerate(widths)]):
            blocks = nn.ModuleList()
            for _ in range(3):
                blocks.append(Block(x + known.pop(), wide, dim, level > 0))
                x = wide
            larger = nn.Conv2d(x, x, 3, padding=1) if level else nn.Identity()
            self.up.append(nn.ModuleList([blocks, larger]))
        self.last = nn.GroupNorm(8, x)
        self.out = nn.Conv2d(x, 1, 3, padding=1)

    def forward(self, image, t):
        exponents = torch.linspace(0, math.log(1000.0), self.half)
        angles = t[:, None] * exponents.exp()
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        embedding = functional.silu(self.time(waves))
        x = self.start(image)
        known = [x]
        for level, (stride, blocks) in enumerate(self.down):
            if level:
                x = stride(x)
                known.append(x)
            for block in blocks:
                x = block(x, embedding)
                known.append(x)
        for block in self.middle:
            x = block(x, embedding)
        for level, (blocks, larger) in enumerate(self.up):
            for block in blocks:
                x = block(torch.cat([x, known.pop()], dim=1), embedding)
            if level < 2:
                x = larger(functional.interpolate(x, scale_factor=2))
        return self.out(functional.silu(self.last(x)))


def main(batch, threads, width):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = UNet(width).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)
    images = 2 * torch.rand(batch, 1, 28, 28) - 1
    for line in sys.stdin:
        if line.strip() == "parameters":
            print(sum(p.numel() for p in network.parameters()), flush=True)
            continue
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            t = torch.sigmoid(torch.randn(batch))
            noise = torch.randn_like(images)
            column = t[:, None, None, None]
            mixed = (1 - column) * images + column * noise
            optimizer.zero_grad()
            loss = functional.mse_loss(network(mixed, t), noise - images)
            loss.backward()
            optimizer.step()
            torch._foreach_lerp_(
                list(average.parameters()), list(network.parameters()), 1e-3
            )
            loss.item()
            seconds.append(time.perf_counter() - start)
        print(*seconds, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
