"""Ingestion that goes on in the background of a server, and goes on after its restart."""
