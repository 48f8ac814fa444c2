"""The HTTP door: an OpenAI-compatible API and what surrounds it."""
