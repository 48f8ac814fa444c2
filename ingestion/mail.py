"""A mail to Markdown: its subject as title, the headers that readers know, and its body.

The standard library reads mail better than a document parser does: lines stay lines,
and of two alternatives the richer one, HTML with its tables, is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

_HEADERS = ("From", "To", "Cc", "Date")
HtmlToMarkdown = Callable[[str], str]


def to_markdown(data: bytes, html_to_markdown: HtmlToMarkdown) -> tuple[str, str]:
    """(subject, text) of a message in RFC 5322 form; the text is empty without a body.

    Args:
        data: The message.
        html_to_markdown: Turns HTML into Markdown.

    Raises:
        ValueError: It is no message, or encrypted.
    """
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(data)
    if not message.keys():
        raise ValueError("no headers")
    if message.get_content_type() == "multipart/encrypted":
        raise ValueError("encrypted")
    subject = " ".join(str(message["subject"] or "").split())
    body = message.get_body(preferencelist=("html", "plain"))
    if body is None:
        return subject, ""
    content = str(body.get_content())
    if body.get_content_subtype() == "html":
        content = html_to_markdown(content)
    content = content.replace("\r\n", "\n").strip()
    headers = "\n".join(
        f"- {name}: {' '.join(str(message[name]).split())}" for name in _HEADERS if message[name]
    )
    parts = [f"# {subject}" if subject else "", headers, content]
    return subject, "\n\n".join(part for part in parts if part) if content else ""
