"""The parts of the composites by their formulas, number by number, and a voice to try them on."""

import math

import numpy as np
from scipy.signal import lfilter


def voice(rate=16000, seconds=2.0, seed=0):
    """Pulses and noise through moving resonances, in syllables with pauses, in a room."""
    rng, time = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    pulses = (np.diff(np.floor(np.cumsum((120 + 20 * np.sin(3 * time)) / rate)), prepend=0) > 0).astype(float)
    sound = pulses + 0.02 * rng.standard_normal(len(time))
    for centre, width in ((500, 80), (1500, 120), (2500, 160)):
        pole = np.exp((-np.pi * width + 2j * np.pi * centre) / rate)
        sound = lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], sound)
    sound = lfilter([1, -0.9], [1], sound) * np.clip(np.sin(2 * np.pi * 2.5 * time), 0.001, 1)
    return 0.5 * sound / np.abs(sound).max() + 0.003 * rng.standard_normal(len(time))


def noisy(clean, decibels, seed=1):
    noise = np.random.default_rng(seed).standard_normal(len(clean))
    return clean + noise * np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10 ** (-decibels / 20)


def framed(signal, rate):
    """The frames of a signal as 16-bit samples, one after the other, without the last."""
    size = int(round(0.03 * rate))
    frames, start = [], 0
    while start + size <= len(signal):
        frames.append(
            [
                32768 * signal[start + n - 1] * 0.5 * (1 - math.cos(2 * math.pi * n / (size + 1)))
                for n in range(1, size + 1)
            ]
        )
        start += size // 4
    return frames[:-1]


def lowest(distances):
    kept = sorted(distances)[: round(0.95 * len(distances))]
    return sum(kept) / len(kept)


def literal_segsnr(clean, estimate, rate):
    ratios = []
    for x, y in zip(framed(clean, rate), framed(estimate, rate), strict=True):
        noise = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
        ratio = 10 * math.log10(sum(a * a for a in x) / (noise + 2.0**-52) + 2.0**-52)
        ratios.append(min(max(ratio, -10), 35))
    return sum(ratios) / len(ratios)


def literal_llr(clean, estimate, rate):
    """By solving the normal equations, not by recursion."""
    order = 10 if rate < 10000 else 16
    distances = []
    for x, y in zip(framed(clean, rate), framed(estimate, rate), strict=True):
        matrices, filters = [], []
        for frame in (x, y):
            lags = [
                sum(frame[t] * frame[t + k] for t in range(len(frame) - k)) / frame_energy(frame)
                for k in range(order + 1)
            ]
            matrix = np.array([[lags[abs(i - j)] for j in range(order + 1)] for i in range(order + 1)])
            matrices.append(matrix)
            filters.append(np.array([1, *np.linalg.solve(matrix[1:, 1:], -matrix[1:, 0])]))
        left = [a @ matrices[0] @ a for a in filters]
        distances.append(math.log(left[1] / left[0]))
    return lowest(distances)


def frame_energy(frame):
    return sum(a * a for a in frame)


CENTRES = [50, 120, 190, 260, 330, 400, 470, 540, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30]
CENTRES += [1288.72, 1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63]
WIDTHS = [70.0] * 7 + [77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823, 168.154]
WIDTHS += [183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136]


def literal_levels(frame, rate):
    size = 1
    while size < 2 * len(frame):
        size *= 2
    power = np.abs(np.fft.fft(frame, size)) ** 2
    levels = []
    for centre, width in zip(CENTRES, WIDTHS, strict=True):
        middle, spread, energy = (
            math.floor(centre / (rate / 2) * size / 2),
            width / (rate / 2) * size / 2,
            0.0,
        )
        for j in range(size // 2):
            gain = math.exp(-11 * ((j - middle) / spread) ** 2 + math.log(WIDTHS[0]) - math.log(width))
            energy += gain * power[j] if gain > math.exp(-30 / (2 * 2.303)) else 0
        levels.append(max(10 * math.log10(max(energy, 1e-300)), -100))
    return levels


def literal_weights(levels):
    slopes = [b - a for a, b in zip(levels, levels[1:], strict=False)]
    weights = []
    for i in range(24):
        n = i
        if slopes[i] > 0:
            while n < 24 and slopes[n] > 0:
                n += 1
            peak = levels[n - 1]
        else:
            while n >= 0 and slopes[n] <= 0:
                n -= 1
            peak = levels[n + 1]
        weights.append(20 / (20 + max(levels) - levels[i]) * 1 / (1 + peak - levels[i]))
    return slopes, weights


def literal_wss(clean, estimate, rate):
    distances = []
    for x, y in zip(framed(clean, rate), framed(estimate, rate), strict=True):
        (s, v), (t, w) = (literal_weights(literal_levels(frame, rate)) for frame in (x, y))
        both = [(a + b) / 2 for a, b in zip(v, w, strict=True)]
        distances.append(sum(c * (a - b) ** 2 for c, a, b in zip(both, s, t, strict=True)) / sum(both))
    return lowest(distances)
