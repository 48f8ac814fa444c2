"""A mail to Markdown: its subject as title, the headers that readers know, and its body.

The standard library reads mail better than a document parser does: lines stay lines,
and of two alternatives the richer one, HTML with its tables, is taken. What is attached
is handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email import policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from mimetypes import guess_extension

from app.core.types import Member
from ingestion.formats.encoding import decode
from ingestion.formats.members import safe_name, unique

_HEADERS = ("From", "To", "Cc", "Date")
_SIGNATURES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
_FORWARDED = "message/rfc822"
_ENVELOPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_AS_IT_CAME = policy.default.clone(refold_source="none")
HtmlToMarkdown = Callable[[str], str]


def from_bytes(data: bytes) -> EmailMessage:
    """A message in RFC 5322 form.

    Raises:
        ValueError: It is no message.
    """
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(data)
    if not message.keys():
        raise ValueError("no headers")
    return message


def to_markdown(
    message: EmailMessage, html_to_markdown: HtmlToMarkdown
) -> tuple[str, str, list[Member]]:
    """(subject, text, attachments) of a message; the text is empty if it says nothing.

    Attached are files and forwarded messages; pictures that the body shows, and
    signatures that a program checks, are not.

    Raises:
        ValueError: It is encrypted.
    """
    if message.get_content_type() == "multipart/encrypted" or _sealed(message):
        raise ValueError("encrypted")
    subject = _header(message, "Subject")
    body = message.get_body(preferencelist=("html", "plain"))
    content = _content(body) if body else ""
    members = unique(_attached(message, body, content))
    if body and body.get_content_subtype() == "html":
        content = html_to_markdown(content)
    content = content.replace("\r\n", "\n").replace("\x00", "").strip()
    headers = [f"- {name}: {line}" for name in _HEADERS if (line := _header(message, name))]
    if members:
        headers.append(f"- Attachments: {', '.join(member.name for member in members)}")
    parts = [f"# {subject}" if subject else "", "\n".join(headers), content]
    said = content or members
    return subject, "\n\n".join(part for part in parts if part) if said else "", members


def _header(message: EmailMessage, name: str) -> str:
    """A header in one line; undecoded where Python's parser of addresses gives up."""
    try:
        said = str(message[name] or "")
    except (AttributeError, IndexError, TypeError, ValueError, MessageError):  # of `From: .:`
        said = next(str(raw) for key, raw in message.raw_items() if key.lower() == name.lower())
    return " ".join(said.split())


def _sealed(message: EmailMessage) -> bool:
    if message.get_content_type() not in _ENVELOPES:
        return False
    return str(message.get_param("smime-type", "enveloped-data")) != "signed-data"


def _content(part: MIMEPart) -> str:
    """What a part says; a character set that is unknown or wrong is guessed as in a file."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return str(part.get_content())
    declared = str(part.get_content_charset() or "")
    try:
        return raw.decode(declared or "ascii").replace("\r\n", "\n")
    except (LookupError, UnicodeError):
        return decode(raw, declared=declared) if raw.strip() else ""


def _attached(
    message: EmailMessage, body: MIMEPart | None, shown: str
) -> Iterator[tuple[str, bytes]]:
    for number, part in enumerate(_leaves(message), start=1):
        name, kind = part.get_filename() or "", part.get_content_type()
        if part is body or kind in _SIGNATURES:
            continue
        if not name and part.get_content_maintype() == "text" and kind != "text/calendar":
            continue  # another wording of the body, or a footer of a mailing list
        if part.get_content_maintype() == "image" and _in_body(part, shown):
            continue
        data = _bytes(part)
        if data:
            yield _name(part, number), data


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Parts that hold no parts of this message; a forwarded message is one."""
    if message.get_content_maintype() != "multipart":
        yield message
        return
    for part in message.iter_parts():
        if isinstance(part, EmailMessage):
            yield from _leaves(part)


def _in_body(part: EmailMessage, shown: str) -> bool:
    mark = str(part["content-id"] or "").strip("<> ")
    return part.get_content_disposition() != "attachment" or bool(mark and f"cid:{mark}" in shown)


def _name(part: EmailMessage, number: int) -> str:
    kind = part.get_content_type()
    suffix = guess_extension(kind) or ""
    name = part.get_filename() or ""
    if kind == _FORWARDED:
        inner = part.get_payload(0) if part.is_multipart() else None
        subject = _header(inner, "Subject") if isinstance(inner, EmailMessage) else ""
        name = name or " ".join(subject.replace("/", "-").split())
        name = f"{name}{suffix}" if name and not name.lower().endswith(suffix) else name
    return safe_name(name, f"attachment-{number}{suffix}")


def _bytes(part: EmailMessage) -> bytes:
    if part.get_content_maintype() == "message" and part.is_multipart():
        inner = [each for each in part.iter_parts() if isinstance(each, EmailMessage)]
        return b"\n".join(each.as_bytes(policy=_AS_IT_CAME) for each in inner)
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""
