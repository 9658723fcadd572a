"""The decisions of bridge: pure functions and frozen data, without I/O, clock, randomness or environment."""
