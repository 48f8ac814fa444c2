"""Mails: what was written, by whom, and every file that came with it."""

from __future__ import annotations

import struct
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.errors import PermanentError
from ingestion.formats import mail, outlook
from ingestion.parse import parse

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(40)


def letter(body: str = "See what is attached.") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = "Ann <ann@example.com>", "Plans"
    message.set_content(body)
    return message


def members(message: EmailMessage | bytes) -> dict[str, bytes]:
    data = message if isinstance(message, bytes) else message.as_bytes()
    return {member.name: member.data for member in parse(data, "a.eml").members}


@settings(max_examples=60)
@given(
    files=st.dictionaries(
        st.from_regex(r"[a-zA-Z0-9äé東~-][a-zA-Z0-9äé東._~-]{0,30}[a-z0-9]", fullmatch=True),
        st.binary(min_size=1, max_size=400),
    )
)
def test_attachments_come_out_byte_for_byte_under_their_names(files: dict[str, bytes]) -> None:
    message = letter()
    for name, data in files.items():
        message.add_attachment(data, "application", "octet-stream", filename=name)
    assert members(message) == files


def test_the_mail_names_what_is_attached_and_its_body_is_no_attachment() -> None:
    message = letter()
    message.add_alternative("<p>See <b>what</b> is attached.</p>", subtype="html")
    message.add_attachment(b"1", "application", "pdf", filename="plan.pdf")
    document = parse(message.as_bytes(), "a.eml")
    assert "- Attachments: plan.pdf" in document.text
    assert "See **what** is attached." in document.text
    assert [member.name for member in document.members] == ["plan.pdf"]


def test_a_mail_without_words_is_what_is_attached_to_it() -> None:
    message = letter("")
    message.add_attachment(b"1", "application", "pdf", filename="plan.pdf")
    assert parse(message.as_bytes(), "a.eml").text.endswith("- Attachments: plan.pdf")


def test_pictures_in_the_text_are_passed_over_and_attached_ones_are_not() -> None:
    message = letter()
    message.add_alternative('<p>Hi<img src="cid:logo"></p>', subtype="html")
    html = message.get_body(("html",))
    assert html is not None
    html.add_related(PICTURE, "image", "png", cid="<logo>", filename="logo.png")
    message.add_attachment(PICTURE, "image", "png", filename="shown.png", disposition="inline")
    message.add_attachment(PICTURE, "image", "png", filename="chart.png")
    assert members(message) == {"chart.png": PICTURE}


def test_signatures_for_programs_and_footers_of_lists_are_no_attachments() -> None:
    data = b"""From: ann@example.com
Content-Type: multipart/signed; boundary=x; protocol="application/pgp-signature"

--x
Content-Type: multipart/mixed; boundary=y

--y
Content-Type: text/plain

Words.
--y
Content-Type: text/plain

You are on the list.
--y--
--x
Content-Type: application/pgp-signature; name=signature.asc

abc
--x--
"""
    assert members(data) == {}
    assert "Words." in parse(data, "a.eml").text


def test_a_forwarded_message_is_a_mail_of_its_own() -> None:
    inner = letter("The plan is ready.")
    inner.replace_header("Subject", "Plan a/b")
    outer = letter()
    outer.add_attachment(inner)
    (name, data), *others = members(outer).items()
    assert (name, others) == ("Plan a-b.eml", [])
    document = parse(data, f"/x/outer.eml!/{name}")
    assert document.title == "Plan a/b"
    assert "The plan is ready." in document.text


def test_names_of_attachments_cannot_lead_anywhere_and_each_is_there_once() -> None:
    message = letter()
    for name in ("../../etc/passwd", "a\\b.txt", "a.txt", "a.txt", "\x00", None):
        message.add_attachment(b"x", "application", "pdf", filename=name)
    assert [*members(message)] == [
        "passwd", "b.txt", "a.txt", "a (2).txt", "_", "attachment-7.pdf",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("charset", "encoded"),
    [("x-unknown", "Grüße".encode()), ("us-ascii", "Grüße".encode()), ("utf-8", b"Gr\xfc\xdfe")],
)
def test_a_mail_that_states_a_wrong_character_set_is_read(charset: str, encoded: bytes) -> None:
    head = f"From: a@b.c\nContent-Type: text/plain; charset={charset}\n\n".encode()
    assert "Grüße" in parse(head + encoded, "a.eml").text


@pytest.mark.parametrize("sender", [".:", "<", "a:;,(", "@", '"'])
def test_a_mail_whose_sender_cannot_be_understood_is_read(sender: str) -> None:
    """Python's own parser of addresses fails on the first of them."""
    text = parse(f"From: {sender}\nSubject: Plans\n\nWords.".encode(), "a.eml").text

    assert "Words." in text
    assert "Plans" in text


@pytest.mark.parametrize(
    "kind",
    ["application/pkcs7-mime; smime-type=enveloped-data", "application/x-pkcs7-mime",
     "multipart/encrypted; boundary=x"],
)  # fmt: skip
def test_an_encrypted_mail_is_refused_as_such(kind: str) -> None:
    with pytest.raises(PermanentError, match="password"):
        parse(f"From: a@b.c\nContent-Type: {kind}\n\nMIAGCSqGSIb3\n".encode(), "a.eml")


@settings(max_examples=150)
@given(
    kind=st.sampled_from(["text/plain", "multipart/mixed; boundary=x", "message/rfc822", "image/x",
                          "text/html; charset=", "multipart/related", "a", "/", ""]),
    header=st.text(st.characters(max_codepoint=300, exclude_characters="\n\r"), max_size=30),
    body=st.binary(max_size=80),
)  # fmt: skip
def test_no_mail_brings_the_reader_down(kind: str, header: str, body: bytes) -> None:
    parts = b"--x\nContent-Type: message/rfc822\n\nTo: x\n\n%b\n--x\n\n%b\n--x--" % (body, body)
    head = f"From: {header}\nSubject: {header}\nDate: {header}\nContent-Type: {kind}\n"
    try:
        parse(head.encode() + b"Content-Transfer-Encoding: base64\n\n" + parts, "a.eml")
    except PermanentError as error:
        assert error.message and error.hint


# Outlook


def streams_of(
    texts: dict[int, str], header: int, numbers: dict[int, int] | None = None
) -> dict[tuple[str, ...], bytes]:
    """The streams of a message or an attachment ([MS-OXMSG] 2.4)."""
    table = bytes(header) + b"".join(
        struct.pack("<HHIQ", 3, tag, 0, value) for tag, value in (numbers or {}).items()
    )
    found: dict[tuple[str, ...], bytes] = {
        (f"__substg1.0_{tag:04X}001F",): text.encode("utf-16-le") for tag, text in texts.items()
    }
    return {**found, ("__properties_version1.0",): table}


def below(place: str, streams: dict[tuple[str, ...], bytes]) -> dict[tuple[str, ...], bytes]:
    return {(place, *path): data for path, data in streams.items()}


def test_an_outlook_message_keeps_its_lines_headers_and_attachments() -> None:
    inner = streams_of({0x0037: "Older plan", 0x1000: "It was ready."}, 24)
    top = streams_of(
        {0x0037: "Plans", 0x0C1A: "Ann", 0x5D01: "ann@example.com", 0x0E04: "Bob; Cem",
         0x1000: "Hello,\r\n\r\n- one\r\n- two\r\n"}, 32, {0x0039: 133_000_000_000_000_000},
    )  # fmt: skip
    file = below("__attach_version1.0_#00000000", streams_of({0x3707: "plan.bin"}, 8))
    file |= {("__attach_version1.0_#00000000", "__substg1.0_37010102"): b"\x00\xff1"}
    mails = below("__attach_version1.0_#00000001", streams_of({0x3001: "Older plan"}, 8))
    mails |= below("__attach_version1.0_#00000001", below("__substg1.0_3701000D", inner))

    subject, text, found = mail.to_markdown(outlook.from_streams(top | file | mails), str)

    assert subject == "Plans"
    assert "- From: Ann <ann@example.com>\n- To: Bob, Cem\n- Date: Sat, 18 Jun 2022" in text
    assert text.endswith("Hello,\n\n- one\n- two")
    assert [member.name for member in found] == ["plan.bin", "Older plan.eml"]
    assert found[0].data == b"\x00\xff1"
    assert "It was ready." in parse(found[1].data, found[1].name).text


@given(
    body=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
@example(body="", name=".:")  # Python's parsers of addresses fail
@example(body="", name="@")
def test_no_outlook_message_brings_the_reader_down(body: str, name: str) -> None:
    top = streams_of({0x0037: name, 0x0C1A: name, 0x5D01: name, 0x007D: name, 0x1000: body}, 32)
    file = below("__attach_version1.0_#00000000", streams_of({0x3707: name, 0x370E: name}, 8))
    try:
        mail.to_markdown(outlook.from_streams(top | file), str)
    except ValueError as error:
        assert str(error)
