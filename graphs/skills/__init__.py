"""Abilities that exist by rule and by model; the wiring chooses."""
