"""StyleGAN2 in PyTorch, as small as it can be: a peer's script.

Run by `benchmarks.stylegan2_speed` in an environment that has PyTorch. Two
kinds of one network: "scaled" scales what goes into a convolution and what
comes out of it, "grouped" makes a kernel for each image and convolves in as
many groups. The line "KIND parameters" is answered with the numbers of the
generator's and the discriminator's; "KIND COUNT" trains that kind for so many
steps on one random batch and is answered with the seconds of each.
"""

import copy
import json
import math
import sys
import time
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8.0
R1_INTERVAL, PATH_INTERVAL, STYLE_MIXING = 16, 4, 0.9


def activate(x):
    return math.sqrt(2.0) * F.leaky_relu(x, 0.2)


def blur(x, padding, stride=1, gain=1.0):
    kernel = gain * torch.outer(TAPS, TAPS)
    kernel = kernel.expand(x.shape[1], 1, 4, 4)
    return F.conv2d(
        x, kernel, stride=stride, padding=padding, groups=x.shape[1]
    )


def double(x):
    kernel = 4.0 * torch.outer(TAPS, TAPS)
    kernel = kernel.expand(x.shape[1], 1, 4, 4)
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


class Dense(nn.Module):
    def __init__(self, features, units, multiplier=1.0, bias=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(units, features) / multiplier)
        self.bias = nn.Parameter(torch.full((units,), bias))
        self.multiplier = multiplier

    def forward(self, x):
        scale = self.multiplier / math.sqrt(x.shape[-1])
        return F.linear(x, scale * self.weight, self.multiplier * self.bias)


class Conv(nn.Module):
    def __init__(self, channels, filters, size, down=False, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(filters, channels, size, size))
        self.bias = nn.Parameter(torch.zeros(filters)) if bias else None
        self.down = down

    def forward(self, x):
        weight = self.weight / math.sqrt(self.weight[0].numel())
        if self.down:
            return F.conv2d(blur(x, 2), weight, self.bias, stride=2)
        return F.conv2d(x, weight, self.bias, padding="same")


class Modulated(nn.Module):
    def __init__(self, channels, filters, size, style_dim, kind, **options):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(filters, channels, size, size))
        self.bias = nn.Parameter(torch.zeros(filters))
        self.affine = Dense(style_dim, channels, bias=1.0)
        self.grouped = kind == "grouped"
        self.up = options.get("up", False)
        self.demodulate = options.get("demodulate", True)

    def forward(self, x, style):
        weight = self.weight / math.sqrt(self.weight[0].numel())
        convolve = self._grouped if self.grouped else self._scaled
        x = convolve(x, weight, self.affine(style))
        if self.up:
            x = blur(x, 1, gain=4.0)
        return x + self.bias[:, None, None]

    def _scaled(self, x, weight, scales):
        x = x * scales[:, :, None, None]
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        else:
            x = F.conv2d(x, weight, padding="same")
        if self.demodulate:
            norms = scales.square() @ weight.square().sum((2, 3)).T
            x = x * torch.rsqrt(norms + 1e-8)[:, :, None, None]
        return x

    def _grouped(self, x, weight, scales):
        batch, channels, height, width = x.shape
        filters = weight.shape[0]
        weight = weight[None] * scales[:, None, :, None, None]
        if self.demodulate:
            norms = weight.square().sum((2, 3, 4), keepdim=True)
            weight = weight * torch.rsqrt(norms + 1e-8)
        x = x.reshape(1, -1, height, width)
        if self.up:
            weight = weight.transpose(1, 2).flatten(0, 1)
            x = F.conv_transpose2d(x, weight, stride=2, groups=batch)
        else:
            weight = weight.flatten(0, 1)
            x = F.conv2d(x, weight, padding="same", groups=batch)
        return x.reshape(batch, filters, *x.shape[2:])


class Styled(nn.Module):
    def __init__(self, channels, filters, style_dim, kind, up=False):
        super().__init__()
        self.modulated = Modulated(channels, filters, 3, style_dim, kind, up=up)
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x, style):
        x = self.modulated(x, style)
        noise = torch.randn(len(x), 1, *x.shape[2:])
        return activate(x + self.strength * noise)


class Generator(nn.Module):
    def __init__(
        self, sizes, channels, colors, latent_dim, style_dim, depth, kind
    ):
        super().__init__()
        features = [latent_dim] + depth * [style_dim]
        self.mapping = nn.ModuleList(
            Dense(a, b, 0.01) for a, b in pairwise(features)
        )
        first = channels[0]
        self.constant = nn.Parameter(torch.randn(1, first, sizes[0], sizes[0]))
        self.styled = nn.ModuleList([Styled(first, first, style_dim, kind)])
        for a, b in pairwise(channels):
            self.styled.append(Styled(a, b, style_dim, kind, up=True))
            self.styled.append(Styled(b, b, style_dim, kind))
        self.to_image = nn.ModuleList(
            Modulated(c, colors, 1, style_dim, kind, demodulate=False)
            for c in channels
        )
        self.num_layers = len(self.styled) + 1

    def map(self, latents):
        norms = latents.square().mean(1, keepdim=True)
        x = latents * torch.rsqrt(norms + 1e-7)
        for dense in self.mapping:
            x = activate(dense(x))
        return x[:, None].expand(-1, self.num_layers, -1)

    def draw_styles(self, count):
        """With style mixing."""
        a, b = (
            self.map(torch.randn(count, self.mapping[0].weight.shape[1]))
            for _ in range(2)
        )
        crossings = torch.randint(1, self.num_layers, (count, 1, 1))
        crossings[torch.rand(count) > STYLE_MIXING] = self.num_layers
        layer = torch.arange(self.num_layers)[None, :, None]
        return torch.where(layer < crossings, a, b)

    def synthesize(self, styles):
        x = self.constant.expand(len(styles), -1, -1, -1)
        x = self.styled[0](x, styles[:, 0])
        image = self.to_image[0](x, styles[:, 1])
        for index in range(1, len(self.styled), 2):
            x = self.styled[index](x, styles[:, index])
            x = self.styled[index + 1](x, styles[:, index + 1])
            added = self.to_image[(index + 1) // 2](x, styles[:, index + 2])
            image = double(image) + added
        return image


class Block(nn.Module):
    def __init__(self, channels, filters):
        super().__init__()
        self.first = Conv(channels, channels, 3)
        self.second = Conv(channels, filters, 3, down=True)
        self.shortcut = Conv(channels, filters, 1, bias=False)

    def forward(self, x):
        y = activate(self.second(activate(self.first(x))))
        return math.sqrt(0.5) * (y + self.shortcut(blur(x, 1, stride=2)))


class Discriminator(nn.Module):
    def __init__(self, sizes, channels, colors):
        super().__init__()
        down = channels[::-1]
        self.first = Conv(colors, down[0], 1)
        self.blocks = nn.ModuleList(map(Block, down, down[1:]))
        self.conv = Conv(down[-1] + 1, down[-1], 3)
        self.dense = Dense(down[-1] * sizes[0] ** 2, down[-1])
        self.logit = Dense(down[-1], 1)

    def forward(self, x):
        x = activate(self.first(x))
        for block in self.blocks:
            x = block(x)
        batch, _, height, width = x.shape
        groups = x.reshape(4, -1, *x.shape[1:])
        deviation = torch.sqrt(groups.var(0, correction=0) + 1e-8)
        deviation = deviation.mean((1, 2, 3)).repeat(4)
        plane = deviation[:, None, None, None].expand(-1, 1, height, width)
        x = activate(self.conv(torch.cat([x, plane], 1)))
        return self.logit(activate(self.dense(x.flatten(1))))[:, 0]


class Trainer:
    """Both networks, both optimizers, the average, and all regularization."""

    def __init__(self, batch, colors, sizes, channels, widths, kind):
        # The layout that is faster on a CPU.
        layout = {"memory_format": torch.channels_last}
        self.generator = Generator(sizes, channels, colors, *widths, kind)
        self.generator.to(**layout)
        self.discriminator = Discriminator(sizes, channels, colors)
        self.discriminator.to(**layout)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizers = [
            torch.optim.Adam(
                network.parameters(),
                2e-3 * k / (k + 1),
                (0.0, 0.99 ** (k / (k + 1))),
                fused=True,
            )
            for network, k in (
                (self.generator, PATH_INTERVAL),
                (self.discriminator, R1_INTERVAL),
            )
        ]
        side = sizes[-1]
        real = 2.0 * torch.rand(batch, colors, side, side) - 1.0
        self.real = real.to(**layout)
        self.style_mean = torch.zeros(widths[1])
        self.path_length = torch.zeros(())
        self.steps = 0

    def parameters(self):
        return [
            sum(weight.numel() for weight in network.parameters())
            for network in (self.generator, self.discriminator)
        ]

    def fakes(self):
        styles = self.generator.draw_styles(len(self.real))
        self.style_mean.lerp_(styles[:, 0].detach().mean(0), 0.005)
        return self.generator.synthesize(styles)

    def step(self):
        for train in (self.train_discriminator, self.train_generator):
            train()
        torch._foreach_lerp_(
            list(self.average.parameters()),
            list(self.generator.parameters()),
            0.001,
        )
        self.steps += 1

    def train_discriminator(self):
        self.discriminator.requires_grad_(True)
        due = self.steps % R1_INTERVAL == 0
        with torch.no_grad():
            fakes = self.fakes()
        real = self.real.detach().requires_grad_(due)
        logits = self.discriminator(real)
        loss = F.softplus(self.discriminator(fakes)).mean()
        loss = loss + F.softplus(-logits).mean()
        if due:
            (gradient,) = torch.autograd.grad(
                logits.sum(), real, create_graph=True
            )
            penalty = gradient.square().sum((1, 2, 3)).mean()
            loss = loss + R1_INTERVAL * 0.05 * penalty
        self.descend(loss, self.optimizers[1])

    def train_generator(self):
        self.discriminator.requires_grad_(False)
        loss = F.softplus(-self.discriminator(self.fakes())).mean()
        if self.steps % PATH_INTERVAL == 0:
            styles = self.generator.draw_styles(len(self.real) // 2)
            images = self.generator.synthesize(styles)
            noise = torch.randn_like(images) / images.shape[-1]
            (gradient,) = torch.autograd.grad(
                (images * noise).sum(), styles, create_graph=True
            )
            lengths = gradient.square().sum(2).mean(1).sqrt()
            penalty = (lengths - self.path_length).square().mean()
            loss = loss + PATH_INTERVAL * 2.0 * penalty
            self.path_length.lerp_(lengths.detach().mean(), 0.01)
        self.descend(loss, self.optimizers[0])

    def descend(self, loss, optimizer):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()


def main(batch, threads, *shape):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    known = {}
    for line in sys.stdin:
        kind, count = line.split()
        if kind not in known:
            known[kind] = Trainer(batch, *shape, kind)
        trainer = known[kind]
        if count == "parameters":
            print(*trainer.parameters(), flush=True)
            continue
        seconds = []
        for _ in range(int(count)):
            start = time.perf_counter()
            trainer.step()
            seconds.append(time.perf_counter() - start)
        print(*seconds, flush=True)


if __name__ == "__main__":
    main(*map(json.loads, sys.argv[1:]))
