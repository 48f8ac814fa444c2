"""Speed and size, as ratios to named alternatives measured in the same run."""
