"""Which language a document is written in: its script tells, or a small classifier does.

The classifier is py3langid (Naive Bayes over byte n-grams; Lui & Baldwin, "langid.py: An
Off-the-shelf Language Identification Tool", 2012). Of its languages only those named here are
considered, and only those of the text's script: it would rather say Wu than Chinese.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

_READ = 30_000
"""Characters at the beginning of a document that are looked at."""
_SLICES, _SLICE = 3, 800
"""What is classified of them: slices from begin, middle and end, since a cover or a licence
in another language stands in one place."""
_FEWEST = 12
"""Letters: fewer are a name or a number, not a language."""
_SUREST, _SURE = 200, 0.4
"""The classifier's probability that counts as sure, in texts of fewer letters than `_SUREST`."""

_NO_PROSE = re.compile(
    r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[^\n]*|\Z)"  # a block of code
    r"|`[^`\n]*`"
    r"|<[^<>\n]*>"
    r"|(?<![!-~])[!-~]*[@/\\][!-~]*"  # web and mail addresses, paths
    r"|[\d_*#|~=+-]+",
    re.MULTILINE | re.DOTALL,
)
"""What says nothing of the language. Linear: an alternative ends, or begins, at a border."""
_SCRIPTS = {
    "latin": "A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff",
    "cyrillic": "\u0400-\u052f",
    "arabic": "\u0620-\u064a\u066e-\u06d3\u0750-\u077f",
    "devanagari": "\u0900-\u0963",
    "bengali": "\u0980-\u09e3",
    "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f",
    "kana": "\u3040-\u30ff\uff66-\uff9f",
    "korean": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "thai": "\u0e00-\u0e7f",
    "lao": "\u0e80-\u0eff",
    "burmese": "\u1000-\u109f",
    "khmer": "\u1780-\u17ff",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "hebrew": "\u05d0-\u05ea",
    "armenian": "\u0531-\u0587",
    "georgian": "\u10a0-\u10ff",
    "punjabi": "\u0a00-\u0a7f",
    "gujarati": "\u0a80-\u0aff",
    "oriya": "\u0b00-\u0b7f",
    "tamil": "\u0b80-\u0bff",
    "telugu": "\u0c00-\u0c7f",
    "kannada": "\u0c80-\u0cff",
    "malayalam": "\u0d00-\u0d7f",
    "sinhala": "\u0d80-\u0dff",
    "amharic": "\u1200-\u137f",
}
"""Letters of each script. One that a single language dominates bears that language's name."""
_LETTERS = {name: re.compile(f"[{letters}]+") for name, letters in _SCRIPTS.items()}
_DENSE = {"han": 3, "kana": 2, "korean": 2}
"""How many Latin letters a character is worth: a page of Japanese may count more of those."""
_FEWEST_KANA = 0.05
"""Of Han and kana together: a Chinese text may name a Japanese product."""

_WORD = re.compile(r"[^\W\d_]+")
_GLANCE = 1500
"""Characters in which the commonest words are counted."""
_FEWEST_WORDS, _EVERYWHERE, _FAR_AHEAD = 30, 0.18, 1.8
"""No paragraph of XQuAD in six languages is taken for another's; 98 % of the English, German
and Spanish ones are told."""
_MOST_BYTES = 1.15
"""Of UTF-8 for a character of Latin script, on average."""
_COMMONEST = {
    language: frozenset(words.split())
    for language, words in {
        "english": "the of and to in is that for it with as was on are be this by from have not "
        "which or at an but their has were they been its would will can",
        "german": "der die und das den von zu mit sich des auf für ist im dem nicht ein eine als "
        "auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über "
        "einen so zum war haben nur oder aber vor zur bis mehr durch man",
        "french": "le les des et est en que du une dans qui par pour au sur pas plus ce avec il "
        "sont cette ne aux ou été son mais comme nous ses leur être ont fait elle deux même ces",
        "spanish": "el los las y en del que por una con para es se su al lo como más pero sus le "
        "ha o este porque esta entre cuando muy sin sobre también hasta hay donde desde todo nos",
        "italian": "il di che è per un della sono con non le dei da gli nel alla del si una più "
        "come anche ma al delle questo ha nella ed lo dal su o loro essere stato",
        "portuguese": "os das e em um uma para é com não do da na no por mais dos ao ele seu sua "
        "ou quando muito nos já também pelo pela até isso ela entre depois sem mesmo aos foi são",
        "dutch": "het een van en in is dat op te zijn met voor niet aan er om ook als bij door "
        "worden naar uit maar nog wordt tot over hebben heeft deze was dit werd kan meer",
    }.items()
}
_COMMON_IN = {
    word: [name for name, words in _COMMONEST.items() if word in words]
    for word in frozenset().union(*_COMMONEST.values())
}

_LANGUAGES = {
    "latin": {
        "af": "afrikaans", "az": "azerbaijani", "bs": "bosnian", "ca": "catalan", "cs": "czech",
        "cy": "welsh", "da": "danish", "de": "german", "en": "english", "es": "spanish",
        "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish",
        "gl": "galician", "hr": "croatian", "hu": "hungarian", "id": "indonesian",
        "is": "icelandic", "it": "italian", "lt": "lithuanian", "lv": "latvian",
        "ms": "malay", "mt": "maltese", "nl": "dutch", "nn": "norwegian", "no": "norwegian",
        "pl": "polish", "pt": "portuguese", "ro": "romanian", "sk": "slovak", "sl": "slovene",
        "sq": "albanian", "sr": "serbian", "sv": "swedish", "sw": "swahili", "tl": "tagalog",
        "tr": "turkish", "uz": "uzbek", "vi": "vietnamese",
    },
    "cyrillic": {
        "be": "belarusian", "bg": "bulgarian", "kk": "kazakh", "ky": "kyrgyz",
        "mk": "macedonian", "mn": "mongolian", "ru": "russian", "sr": "serbian", "tg": "tajik",
        "tt": "tatar", "uk": "ukrainian",
    },
    "arabic": {
        "ar": "arabic", "fa": "persian", "ps": "pashto", "sdh": "kurdish", "ug": "uyghur",
        "ur": "urdu",
    },
    "devanagari": {"hi": "hindi", "mr": "marathi", "ne": "nepali"},
    "bengali": {"as": "assamese", "bn": "bengali"},
}  # fmt: skip
"""By script and the classifier's code; names as Snowball's where it has the language."""


def detect(text: str) -> str:
    """The language of a document's canonical text.

    Returns:
        A Snowball name such as `german`, a like name (`polish`, `japanese`) where Snowball has
        no stemmer, or an empty string when there is too little prose to tell.
    """
    found = told_at_once(text)
    return _classified(_prose(text)) if found is None else found


def told_at_once(text: str) -> str | None:
    """As `detect`; None where only the classifier, which is slow to load and large, may tell."""
    prose = _prose(text)
    if evident := _evident(prose):
        return evident
    letters = _letters(prose)
    if sum(count * _DENSE.get(name, 1) for name, count in letters.items()) < _FEWEST:
        return ""
    script = _script(letters)
    if script == "han":
        han, kana = letters["han"], letters["kana"]
        return "japanese" if kana > _FEWEST_KANA * (han + kana) else "chinese"
    return None if script in _LANGUAGES else script


def _letters(prose: str) -> dict[str, int]:
    """How many of each script."""
    return {name: sum(map(len, found.findall(prose))) for name, found in _LETTERS.items()}


def _script(letters: Mapping[str, int]) -> str:
    """The one that most is written in; one language writes both Han and kana."""
    weights = {name: count * _DENSE.get(name, 1) for name, count in letters.items()}
    weights["han"] += weights.pop("kana")
    return max(weights, key=weights.__getitem__)


def _evident(prose: str) -> str:
    """The language whose commonest words are everywhere; empty where none is far ahead.

    It costs a tenth of the classifier, which most shares then never load.
    """
    if len(prose.encode()) > _MOST_BYTES * len(prose):
        return ""  # another script than the Latin
    words = _WORD.findall(prose.lower(), 0, _GLANCE)
    if len(words) < _FEWEST_WORDS:
        return ""
    votes = Counter(dict.fromkeys(_COMMONEST, 0))
    for word, count in Counter(words).items():
        for name in _COMMON_IN.get(word, ()):
            votes[name] += count
    (first, most), (_, next_most) = votes.most_common(2)
    return first if most > _EVERYWHERE * len(words) and most > _FAR_AHEAD * next_most else ""


def _prose(text: str) -> str:
    prose = " ".join(_NO_PROSE.sub(" ", text[:_READ]).split())
    if len(prose) <= _SLICES * _SLICE:
        return prose
    step = (len(prose) - _SLICE) // (_SLICES - 1)
    return " ".join(prose[n * step : n * step + _SLICE] for n in range(_SLICES))


def _classified(prose: str) -> str:
    letters = _letters(prose)
    script = _script(letters)
    names = _LANGUAGES[script]
    ranks = [(names[code], share) for code, share in _classifier().rank(prose) if code in names]
    (name, share) = ranks[0]
    total = sum(share for _, share in ranks)
    sure = letters[script] >= _SUREST or share >= _SURE * total
    return name if sure else ""


@cache
def _classifier() -> Any:
    """Takes a second and 90 MB to load, the first time that a script does not tell."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
