"""Errors, named by what the caller should do about them.

One place maps them to exit codes (`app/cli/main.py`) and one to HTTP answers
(`app/api/problems.py`). `message` is safe to show to a user: it never carries a
secret or the text of an unknown exception.
"""


class FootnoteError(Exception):
    """Base of every error that Footnote raises on purpose.

    Args:
        message: What went wrong, in one line, fit to be shown to a user.
        hint: What to do next, in one line; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ConfigError(FootnoteError):
    """The set-up is wrong: mend the configuration, then start again."""


class InputError(FootnoteError):
    """The request is wrong: mend the request."""


class TooLargeError(InputError):
    """The request is larger than this server accepts: send less."""


class NotFoundError(FootnoteError):
    """There is no such thing, or the caller may not see it."""


class PermanentError(FootnoteError):
    """The work cannot succeed as it is: trying again will not help."""


class TransientError(FootnoteError):
    """Something outside failed for now: trying again may help.

    Args:
        retry_after_s: Seconds to wait before trying again, where known.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class LockedError(TransientError):
    """Another process holds the embedded index."""
