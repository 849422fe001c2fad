"""Trains the digits example and writes the package: model.onnx, calibration.npz, evaluation.npz, sample.json.

Everything is seeded and runs on the processor, so that the same versions of the libraries give the
same files: pip install torch scikit-learn onnx numpy, then python train.py.

The network is larger than the task needs, on purpose: there is something to compress and to prune.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

SEED = 20
EVALUATION_SAMPLES = 450
CALIBRATION_SAMPLES = 128
SIZE = 32
EPOCHS = 40
BATCH = 64
HERE = Path(__file__).parent


class Block(nn.Module):
    """A basic residual block (He et al., "Deep Residual Learning for Image Recognition", figure 2)."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        same = stride == 1 and channels_in == channels
        self.shortcut = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x):
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.blocks = nn.Sequential(
            Block(32, 32, 1), Block(32, 32, 1),
            Block(32, 64, 2), Block(64, 64, 1),
            Block(64, 128, 2), Block(128, 128, 1),
        )
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(functional.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    (train_x, train_y), (held_x, held_y) = split()
    network = Network()
    fit(network, prepare(train_x), torch.from_numpy(train_y))
    print("parameters", sum(p.numel() for p in network.parameters()))
    print("held-out top-1", accuracy(network, prepare(held_x), held_y))
    export(network)
    picked = np.random.default_rng(SEED).permutation(len(train_x))[:CALIBRATION_SAMPLES]
    np.savez_compressed(HERE / "calibration.npz", image=train_x[picked])
    np.savez_compressed(HERE / "evaluation.npz", image=held_x, labels=held_y)
    write_sample(held_x, held_y)


def split():
    """The scans, enlarged, as a training part (calibration is drawn from it) and a held-out part."""
    digits = load_digits()
    scans = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)
    large = functional.interpolate(scans, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    images = large.round().clamp(0, 255).to(torch.uint8).numpy()
    labels = digits.target.astype(np.int64)
    train, held = train_test_split(
        np.arange(len(labels)), test_size=EVALUATION_SAMPLES, stratify=labels, random_state=SEED
    )
    return (images[train], labels[train]), (images[held], labels[held])


def prepare(images):
    """As fettle.json says: (x * scale - mean) / std."""
    return (torch.from_numpy(images).float() / 255 - 0.5) / 0.5


def fit(network, images, labels):
    steps = EPOCHS * math.ceil(len(labels) / BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        network.train()
        total = 0.0
        for indices in torch.randperm(len(labels)).split(BATCH):
            logits = network(moved(images[indices]))
            loss = functional.cross_entropy(logits, labels[indices], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(indices)
        print(f"epoch {epoch + 1}/{EPOCHS} loss {total / len(labels):.4f}", flush=True)
    network.eval()


def moved(images):
    """Each image turned, scaled and shifted a little: other hands, other paper."""
    n = len(images)
    angle = (torch.rand(n) - 0.5) * (math.pi / 180 * 24)
    scale = 1 + (torch.rand(n) - 0.5) * 0.2
    shift = (torch.rand(n, 2) - 0.5) * 0.25
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    affine = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], 1).view(n, 2, 3)
    grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def accuracy(network, images, labels):
    with torch.no_grad():
        return float((network(images).argmax(1).numpy() == labels).mean())


def export(network):
    """BatchNormalization stays a node of its own, as many exporters leave it."""
    torch.onnx.export(
        network, torch.zeros(1, 1, SIZE, SIZE), HERE / "model.onnx",
        input_names=["image"], output_names=["logits"],
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
        opset_version=17, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )


def write_sample(images, labels):
    """One held-out digit as the body of an Open Inference Protocol v2 request; its id names the right answer."""
    values = prepare(images[:1]).flatten().tolist()
    body = {
        "id": f"the-right-answer-is-{labels[0]}",
        "inputs": [{
            "name": "image", "shape": [1, 1, SIZE, SIZE], "datatype": "FP32",
            "data": [round(value, 4) for value in values],
        }],
    }
    (HERE / "sample.json").write_text(json.dumps(body) + "\n")


if __name__ == "__main__":
    main()
