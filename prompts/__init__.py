"""Versioned prompt files and the registry that checks and renders them."""

from prompts.loader import PromptRegistry
from prompts.prompt import Prompt, RenderedPrompt

__all__ = ["Prompt", "PromptRegistry", "RenderedPrompt"]
