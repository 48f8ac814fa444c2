"""Datasets, suites, metrics, gates and reports: what decides whether a change may ship."""
