"""Text that speaks to a model, and text that no reader sees."""
