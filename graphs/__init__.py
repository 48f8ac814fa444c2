"""The state machine that answers a question; nodes see only ports."""
