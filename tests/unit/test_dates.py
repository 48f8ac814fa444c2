"""A date that a document is tagged with is understood, and anything else is no date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.dates import moment


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-03", datetime(2024, 3, 1, tzinfo=UTC)),
        (" 2024-03-09 ", datetime(2024, 3, 9, tzinfo=UTC)),
        ("2024-03-09T12:30:00Z", datetime(2024, 3, 9, 12, 30, tzinfo=UTC)),
        ("2024-03-09T12:30+02:00", datetime(2024, 3, 9, 10, 30, tzinfo=UTC)),
        ("2024-13", None),
        ("0000", None),
        ("March 2024", None),
        ("", None),
    ],
)
def test_iso_dates_are_read(text: str, wanted: datetime | None) -> None:
    assert moment(text) == wanted


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_a_time_is_read_back(time: datetime) -> None:
    assert moment(time.isoformat()) == time


@given(st.text(max_size=20))
def test_no_text_breaks_it_and_every_date_has_a_zone(text: str) -> None:
    found = moment(text)
    assert found is None or found.tzinfo is not None
