"""Measurements, printed as ratios; never tests."""
