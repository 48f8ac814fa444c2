"""Types, ports, errors and settings; imports nothing of ours."""
