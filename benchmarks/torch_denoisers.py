"""DnCNN and FFDNet in PyTorch, as small as they can be: a peer's script.

Run by `benchmarks.denoiser_speed` in an environment that has PyTorch. Each line
"NAME COUNT" read trains that network for so many steps on one random batch and
answers with the seconds of each.
"""

import sys
import time

import torch
from torch import nn


def dncnn():
    layers = [nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(inplace=True)]
    for _ in range(15):
        layers += [
            nn.Conv2d(64, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(64, 1, 3, padding=1))


def ffdnet():
    layers = [nn.Conv2d(5, 64, 3, padding=1), nn.ReLU(inplace=True)]
    for _ in range(13):
        layers += [nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(64, 4, 3, padding=1))


class Denoiser(nn.Module):
    """A stack of convolutions, the image in and out."""

    def __init__(self, name):
        super().__init__()
        self.halved = name == "ffdnet"
        self.stack = {"dncnn": dncnn, "ffdnet": ffdnet}[name]()

    def forward(self, image, level):
        if not self.halved:
            return image - self.stack(image)
        x = nn.functional.pixel_unshuffle(image, 2)
        level = level.expand(-1, 1, *x.shape[2:])
        noise = self.stack(torch.cat([x, level], dim=1))
        return image - nn.functional.pixel_shuffle(noise, 2)


def main(batch, side, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    clean = torch.rand(batch, 1, side, side)
    level = torch.full((batch, 1, 1, 1), 0.1)
    noisy = clean + level * torch.randn_like(clean)
    known = {}
    for line in sys.stdin:
        name, count = line.split()
        if name not in known:
            # The layout that is faster on a CPU.
            network = Denoiser(name).to(memory_format=torch.channels_last)
            optimizer = torch.optim.Adam(network.parameters(), 1e-3)
            known[name] = network, optimizer
        network, optimizer = known[name]
        seconds = []
        for _ in range(int(count)):
            start = time.perf_counter()
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(network(noisy, level), clean)
            loss.backward()
            optimizer.step()
            loss.item()
            seconds.append(time.perf_counter() - start)
        print(*seconds, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
