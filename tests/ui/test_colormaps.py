"""Colour maps order values by lightness, and stay told apart by people with protan, deutan and tritan vision."""

from __future__ import annotations

import numpy as np
import pytest

from weightedit.ui.plots.colormaps import CYCLE, NAMES, table

DIVERGING = {"Tide", "CET-CBD1"}
# Machado, Oliveira and Fernandes (2009), "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# severity 1.0, for linear RGB.
VISION = {
    "all": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colors: np.ndarray, vision: str = "all") -> np.ndarray:
    """CIELAB (D65) of sRGB colours as they are seen."""
    srgb = colors[:, :3] / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(VISION[vision]).T, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    share = linear @ to_xyz.T / [0.9505, 1.0, 1.089]
    bent = np.where(share > (6 / 29) ** 3, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * bent[:, 1] - 16, 500 * (bent[:, 0] - bent[:, 1]), 200 * (bent[:, 1] - bent[:, 2])], 1)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", NAMES)
def test_lightness_goes_one_way_or_two_ways_from_the_middle(name: str, theme: str) -> None:
    lightness = lab(table(name, theme))[:, 0]
    parts = [lightness]
    if name in DIVERGING:
        parts = [lightness[:256][::-1], lightness[256:]]
    for part in parts:
        steps = np.diff(part) * np.sign(part[-1] - part[0])
        assert steps.min() > -0.6, steps.min()
        assert abs(part[-1] - part[0]) > 30


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", NAMES)
def test_an_eighth_of_the_map_is_seen_by_everyone(name: str, theme: str, vision: str) -> None:
    seen = lab(table(name, theme)[np.linspace(0, 511, 9).astype(int)], vision)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)[~np.eye(9, dtype=bool)]
    assert apart.min() > 5


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_both_signs_of_a_diverging_map_are_told_apart(theme: str, vision: str) -> None:
    colors = table("Tide", theme)
    for off in (60, 120, 200, 255):
        low, high = lab(colors[[255 - off, 256 + off]], vision)
        assert np.linalg.norm(low - high) > 15


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_cycle_closes(theme: str) -> None:
    seen = lab(table(CYCLE, theme))
    assert np.linalg.norm(seen[0] - seen[-1]) < 1.5
    quarters = seen[[0, 128, 256, 384]]
    apart = np.linalg.norm(quarters[:, None] - quarters[None], axis=2)[~np.eye(4, dtype=bool)]
    assert apart.min() > 30
