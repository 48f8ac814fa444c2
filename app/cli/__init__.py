"""The command line: `footnote`."""
