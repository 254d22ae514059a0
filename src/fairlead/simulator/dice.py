"""A small seeded generator of whole numbers: the same seed throws the same dice on every machine."""

from __future__ import annotations

from typing import Final

_MASK: Final = 0xFFFFFFFFFFFFFFFF
_STRIDE: Final = 0x9E3779B97F4A7C15


class Dice:
    """SplitMix64: one 64-bit word of state."""

    __slots__ = ("state",)

    def __init__(self, state: int) -> None:
        """Start from a seed."""
        self.state = state & _MASK

    @classmethod
    def named(cls, seed: int, name: str) -> Dice:
        """Own dice for one purpose, so that one user of chance does not disturb another."""
        return cls(mix(seed ^ text_number(name)))

    def below(self, limit: int) -> int:
        """Throw one of 0 .. limit - 1."""
        self.state = (self.state + _STRIDE) & _MASK
        # The bias of the remainder is limit / 2**64: nothing for our small limits.
        return mix(self.state) % limit

    def between(self, low: int, high: int) -> int:
        """Throw one of low .. high, both included."""
        return low + self.below(high - low + 1)


def mix(word: int) -> int:
    """Scramble 64 bits (the output function of SplitMix64)."""
    word &= _MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
    return word ^ (word >> 31)


def text_number(text: str) -> int:
    """Turn a text into 64 bits (FNV-1a); unlike ``hash`` it is the same in every process."""
    word = 0xCBF29CE484222325
    for byte in text.encode():
        word = ((word ^ byte) * 0x100000001B3) & _MASK
    return word
