"""Text as it looks: what is written in other characters to escape notice reads the same."""

from __future__ import annotations

import re
import unicodedata

_ALIKE = dict(
    zip(
        "аеорсхуіјѕһԁԛԝкмтвн" + "αοεικνρτυχηω" + "ɪɡɴʀʟʏʙʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱı" + "’‘ʼ´“”„«»",
        "aeopcxyijshdqwkmtbh" + "aoeikvptuxnw" + "ignrlybhacdejkmoptuvwzsi" + "''''" + '"""""',
        strict=True,
    )
)
_LETTERS_WITH_ACCENTS = 0x530  # Latin, Greek and Cyrillic stand before
_TAGS = range(0xE0020, 0xE007F)  # invisible twins of ASCII
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Within a word, or at its beginning. The digit comes first, which is quick to look for.
_LEET = re.compile(r"[013457@$](?:(?<=[a-z].)[013457@$]{0,2}(?=[a-z])|(?<!7)(?<!\w.)(?=[a-z]{2}))")
_DIGITS = str.maketrans("013457@$", "oieastas")


class _Folded(dict[int, str]):
    """A translation table that fills itself: a text knows few characters, many times each."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_character(chr(code))
        return folded


def _fold_character(char: str) -> str:
    if ord(char) in _TAGS:
        return chr(ord(char) - 0xE0000).lower()
    if _INVISIBLE.match(char):
        return ""
    folded = unicodedata.normalize("NFKC", char).casefold()
    if ord(folded[0]) < _LETTERS_WITH_ACCENTS:
        parts = unicodedata.normalize("NFD", folded)
        folded = "".join(part for part in parts if not unicodedata.combining(part))
    return "".join(_ALIKE.get(part, part) for part in folded)


FOLDED = _Folded()
"""What becomes of a character; of some, nothing, of others, several."""


def fold(text: str) -> str:
    """Lower case, without accents and what cannot be seen, look-alikes made Latin.

    A digit within a word becomes the letter that it stands for.
    """
    return _LEET.sub(lambda digit: digit[0].translate(_DIGITS), text.translate(FOLDED))
