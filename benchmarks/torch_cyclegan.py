"""CycleGAN in PyTorch, as small as it can be: a peer's script.

Run by `benchmarks.cyclegan_speed` in an environment that has PyTorch. The line
"parameters" is answered with the numbers of a generator's and of a
discriminator's; a number trains for so many steps on one random batch and is
answered with the seconds of each.
"""

import copy
import itertools
import random
import sys
import time

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        layers = []
        for last in (False, True):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3)]
            layers.append(nn.InstanceNorm2d(width))
            if not last:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


def generator(width, num_blocks):
    def normalized(layer, channels):
        return [layer, nn.InstanceNorm2d(channels), nn.ReLU()]

    layers = [nn.ReflectionPad2d(3), *normalized(nn.Conv2d(3, width, 7), width)]
    for k in (1, 2):
        down = nn.Conv2d(k * width, 2 * k * width, 3, 2, 1)
        layers += normalized(down, 2 * k * width)
    layers += [Block(4 * width) for _ in range(num_blocks)]
    for k in (2, 1):
        up = nn.ConvTranspose2d(2 * k * width, k * width, 3, 2, 1, 1)
        layers += normalized(up, k * width)
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
    return nn.Sequential(*layers)


def discriminator(width):
    layers, last = [], 3
    for k, stride in ((1, 2), (2, 2), (4, 2), (8, 1)):
        layer = nn.Conv2d(last, k * width, 4, stride, 1)
        layers += [spectral_norm(layer), nn.LeakyReLU(0.2)]
        last = k * width
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(last, 1, 4, 1, 1)))


class Pool:
    def __init__(self, size=50):
        self.size, self.images = size, []

    def __call__(self, batch):
        mixed = []
        for image in batch.detach():
            if len(self.images) < self.size:
                self.images.append(image.clone())
            elif random.random() < 0.5:
                place = random.randrange(self.size)
                old, self.images[place] = self.images[place], image.clone()
                image = old
            mixed.append(image)
        return torch.stack(mixed)


class Trainer:
    """Four networks, two optimizers, two pools and the averages."""

    def __init__(self, batch, side, width, num_blocks):
        # The layout that is faster on a CPU.
        layout = {"memory_format": torch.channels_last}
        self.generators = nn.ModuleList(
            generator(width, num_blocks) for _ in "ab"
        ).to(**layout)
        self.discriminators = nn.ModuleList(
            discriminator(width) for _ in "ab"
        ).to(**layout)
        self.averages = copy.deepcopy(self.generators).requires_grad_(False)
        self.pools = Pool(), Pool()
        self.a, self.b = (
            (2 * torch.rand(batch, 3, side, side) - 1).to(**layout)
            for _ in "ab"
        )
        self.optimizers = [
            torch.optim.Adam(parts.parameters(), 2e-4, (0.5, 0.999), fused=True)
            for parts in (self.generators, self.discriminators)
        ]

    def step(self):
        (to_b, to_a), (d_a, d_b) = self.generators, self.discriminators
        fake_b, fake_a = to_b(self.a), to_a(self.b)
        self.discriminators.requires_grad_(True)
        loss = 0.0
        for d, real, fake, pool in (
            (d_a, self.a, fake_a, self.pools[0]),
            (d_b, self.b, fake_b, self.pools[1]),
        ):
            loss = loss + (d(real) - 1).square().mean() / 2
            loss = loss + d(pool(fake)).square().mean() / 2
        self.descend(loss, self.optimizers[1])
        self.discriminators.requires_grad_(False)
        loss = sum(
            (d(fake) - 1).square().mean()
            for d, fake in ((d_a, fake_a), (d_b, fake_b))
        )
        for network, inputs, wanted, weight in (
            (to_a, fake_b, self.a, 10.0),
            (to_b, fake_a, self.b, 10.0),
            (to_a, self.a, self.a, 5.0),
            (to_b, self.b, self.b, 5.0),
        ):
            loss = loss + weight * (network(inputs) - wanted).abs().mean()
        self.descend(loss, self.optimizers[0])
        torch._foreach_lerp_(
            list(self.averages.parameters()),
            list(self.generators.parameters()),
            0.001,
        )

    def descend(self, loss, optimizer):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(batch, side, width, num_blocks, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    trainer = Trainer(batch, side, width, num_blocks)
    for line in sys.stdin:
        if line.strip() == "parameters":
            parts = trainer.generators[0], trainer.discriminators[0]
            print(*(sum(w.numel() for w in p.parameters()) for p in parts))
            sys.stdout.flush()
            continue
        seconds = []
        for _ in itertools.repeat(None, int(line)):
            start = time.perf_counter()
            trainer.step()
            seconds.append(time.perf_counter() - start)
        print(*seconds, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
