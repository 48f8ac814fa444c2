"""Recipes that make the models under `app/models/`, each reproducible by one command."""
