"""What is measured: each file has a `measure` that runs in a process of its own."""
