"""The time of which a question wants documents, in English.

Most times in questions are those of events: "what failed in October 2025?" may well be told
in a report of November. So a time counts only where the question speaks of documents, or of
what was written, decided or changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

Period = tuple[datetime, datetime]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d\d"
_DATE = (
    rf"(?:{_YEAR}-\d\d-\d\d|{_YEAR}-\d\d|{_DAY} {_MONTH} {_YEAR}|{_MONTH} {_DAY},? {_YEAR}|"
    rf"{_MONTH} {_YEAR}|q[1-4] {_YEAR}|(?:the year )?{_YEAR})"
)
# What may follow: in "in 2000 cases" or "the mail server" something else is meant.
END = (
    r"(?=\s*(?:$|[?.!,;:)\"”]|(?:about|and|are|as|by|did|do|does|for|from|has|have|how|in|is|of|on|"
    r"or|said|say|says|sent|tell|tells|that|the|to|was|we|were|what|when|where|which|who|why|with)\b))"
)
_SINCE = re.compile(rf"\b(?:since|starting in)\s+({_DATE}){END}")
_AFTER = re.compile(rf"\b(?:after|newer than|later than)\s+({_DATE}){END}")
_BEFORE = re.compile(rf"\b(?:before|older than|earlier than)\s+({_DATE}){END}")
_UNTIL = re.compile(rf"\b(?:until|till|up to)\s+({_DATE}){END}")
_FROM_TO = re.compile(
    rf"\b(?:between\s+({_DATE})\s+and|from\s+({_DATE})\s+(?:to|until|till))\s+({_DATE}){END}"
)
_IN = re.compile(rf"\b(?:in|during|from|of|dated)\s+({_DATE}){END}")
_LAST = re.compile(rf"\b(last|this)\s+(week|month|year){END}")
_PAST = re.compile(
    rf"\b(?:in|within|over|during|of|from) the (?:last|past) "
    rf"(\d{{1,3}})\s+(day|week|month|year)s{END}"
)
_OF_DOCUMENTS = re.compile(
    r"\b(?:announce(?:[ds]|ments?)?|chang(?:ed|es?)|circulars?|decide[ds]?|decisions?|discussed|"
    r"documents?|e-?mails?|files?|introduced|issued?|letters?|mails?|meetings?|memos?|mentioned|"
    r"messages?|minutes|news|newsletters?|notes?|pdfs?|posted|presentations?|published|releases?|"
    r"reports?|said|says?|sent|slides|spreadsheets?|updated?|updates|versions?|written|wrote)\b"
)
_DAYS: Mapping[str, int] = {"day": 1, "week": 7, "month": 30, "year": 365}


def period(question: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The time from whose beginning on and before whose end the documents are.

    "Last" week, month or year is the one of the calendar before this one, in UTC.
    """
    text = " ".join(question.lower().split())
    if not _OF_DOCUMENTS.search(text):
        return None, None
    since: datetime | None = None
    until: datetime | None = None
    if found := _FROM_TO.search(text):
        first, last = _period(found[1] or found[2]), _period(found[3])
        return (first[0], last[1]) if first and last and first[0] < last[1] else (None, None)
    if named := _matched(_SINCE, text):
        since = named[0]
    elif named := _matched(_AFTER, text):
        since = named[1]
    if named := _matched(_BEFORE, text):
        until = named[0]
    elif named := _matched(_UNTIL, text):
        until = named[1]
    if since or until:
        return (since, until) if not (since and until) or since < until else (None, None)
    return _matched(_IN, text) or _relative(text, now) or (None, None)


def _matched(pattern: re.Pattern[str], text: str) -> Period | None:
    found = pattern.search(text)
    return _period(found[1]) if found else None


def _period(text: str) -> Period | None:
    """What a date names: from the beginning of its day, month, quarter or year to its end."""
    year = int(re.search(_YEAR, text)[0])  # type: ignore[index]
    rest = re.sub(_YEAR, " ", text, count=1)
    month = next((n for n, name in enumerate(_MONTHS, 1) if re.search(rf"\b{name}", rest)), None)
    numbers = [int(number) for number in re.findall(r"\d+", rest)]
    if quarter := re.search(r"\bq([1-4])\b", rest):
        return _months(year, int(quarter[1]) * 3 - 2, 3)
    if month is None and numbers:  # 2024-03, 2024-03-09
        month, *numbers = numbers
    if month is None:
        return _months(year, 1, 12)
    if not numbers:
        return _months(year, month, 1)
    try:
        day = datetime(year, month, numbers[0], tzinfo=UTC)
    except ValueError:
        return None
    return day, day + timedelta(days=1)


def _months(year: int, month: int, count: int) -> Period | None:
    if not 1 <= month <= 12:
        return None
    end = month - 1 + count
    return (
        datetime(year, month, 1, tzinfo=UTC),
        datetime(year + end // 12, end % 12 + 1, 1, tzinfo=UTC),
    )


def _relative(text: str, now: datetime) -> tuple[datetime, datetime | None] | None:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if found := _PAST.search(text):
        return today - timedelta(days=int(found[1]) * _DAYS[found[2]]), None
    if not (found := _LAST.search(text)):
        return None
    match found[2]:
        case "week":
            start = today - timedelta(days=today.weekday())
            before = start - timedelta(days=7)
        case "month":
            start = today.replace(day=1)
            before = (start - timedelta(days=1)).replace(day=1)
        case _:
            start = today.replace(month=1, day=1)
            before = start.replace(year=start.year - 1)
    return (start, None) if found[1] == "this" else (before, start)
