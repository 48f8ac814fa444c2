"""The web page in a real browser, against a real server.

Most tests play a scripted service, so that every state of the page can be reached; one
goes through the whole embedded service, from a file to the highlighted proof.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.api.server import create_app
from app.core.errors import NotFoundError
from app.core.exchange import Ask, Delta, Done, Event, Feedback, Step
from app.core.settings import ApiSettings, Settings
from app.core.types import Answer, Citation, Document, Scope, Sentence, Status
from app.service import Footnote

CHROMIUM = shutil.which("chromium")
QUOTE = "Leave is 28 days 🏖️ a year.\n\nPart-time: <b>a share</b>."
TEXT = f"# Handbook 🎉 𝔘𝔫𝔦𝔠𝔬𝔡𝔢\n\n{'Filler 😀 text. ' * 600}\n\n{QUOTE}\n\n{'More text. ' * 600}"
QUESTION = "How long is annual leave?"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")


def citation(mark: int, quote: str = QUOTE) -> Citation:
    start = TEXT.index(quote)
    return Citation(
        mark=mark,
        document_id="d-0",
        title="Handbook <i>1</i>",
        source="handbook.md",
        page=3,
        heading="Leave",
        start=start,
        end=start + len(quote),
        quote=quote,
    )


ANSWER = Answer(
    answer_id="a-1",
    conversation_id="c-1",
    status=Status.ANSWERED,
    answer="Leave is <b>28</b> days. [1] See [2024] and [2].",
    citations=[citation(1), citation(2, "Handbook 🎉 𝔘𝔫𝔦𝔠𝔬𝔡𝔢")],
    timings_ms={"retrieve": 4.0},
)


def document(number: int) -> Document:
    return Document(
        document_id=f"d-{number}",
        title=f"Handbook {number}",
        source=f"{number}.md",
        content_hash="0",
        chunks=1,
        pages=0,
        tenant="default",
        ingested_at="2026-01-01T00:00:00Z",
    )


@dataclass
class Script:
    """A service that plays `events` to every question; a number is a pause in seconds."""

    events: Sequence[Event | float | Exception] = (
        Step("retrieve", 4.0),
        Delta("Leave is <b>28</b> days. "),
        Delta("[1] See [2024] and [2]."),
        Done(ANSWER),
    )
    text_: str = TEXT
    asked: list[Ask] = field(default_factory=list)
    rated: list[Feedback] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def store(self) -> Script:
        return self

    @property
    def jobs(self) -> Script:
        return self

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """It has no jobs to do."""
        yield

    @property
    def limiter(self) -> Script:
        return self

    async def hit(self, _: str) -> float:
        return 0.0

    async def documents(self, _: Scope, *, limit: int, offset: int = 0) -> list[Document]:
        return [document(number) for number in range(60)][offset : offset + limit]

    async def text(self, document_id: str, _: Scope) -> str:
        if document_id != "d-0":
            raise NotFoundError("gone")
        return self.text_

    async def feedback(self, feedback: Feedback, _: str) -> None:
        self.rated.append(feedback)

    async def stream(self, request: Ask) -> AsyncIterator[Event]:
        self.asked.append(request)
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            if isinstance(event, float):
                await self._pause(event)
            else:
                yield event

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Footnote]:
        yield cast(Footnote, self)


@contextmanager
def serving(
    factory: Callable[[], AbstractAsyncContextManager[Footnote]], settings: Settings
) -> Iterator[str]:
    """A server in a thread; yields its URL."""
    config = uvicorn.Config(
        create_app(factory, settings), log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        assert server.started, "the server did not start"
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=flags)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which an error in the console, a broken policy for one, fails the test."""
    opened = browser.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda m: faults.append(m.text) if "Content Security" in m.text else None)
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()
    assert faults == []


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def site(script: Script) -> Iterator[str]:
    with serving(script.open, Settings()) as url:
        yield url


def ask(page: Page, question: str = QUESTION) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


def highlighted(page: Page) -> str | None:
    page.wait_for_selector("#panel-text mark")
    return page.text_content("#panel-text mark")


def test_from_a_file_to_the_highlighted_proof(page: Page, tmp_path: Path) -> None:
    from app.wiring import open_footnote

    file = tmp_path / "leave.md"
    file.write_text(
        "# Handbook 🎉\n\n𝔘𝔫𝔦𝔠𝔬𝔡𝔢 😀 welcomes you.\n\n## Annual leave\n\n"
        "Full-time employees get 28 days of paid annual leave 🏖️ a year.\n",
        "utf-8",
    )
    settings = Settings(data_dir=tmp_path / "data")

    @asynccontextmanager
    async def opened() -> AsyncIterator[Footnote]:
        async with open_footnote(settings) as footnote:
            report = await footnote.ingest([file], tenant="default", tags={})
            assert report.added == 1
            yield footnote

    with serving(opened, settings) as url:
        page.goto(url)
        ask(page, "How many days of paid annual leave do full-time employees get?")
        page.wait_for_selector(".sources")
        assert "28 days" in (page.text_content(".answer") or "")

        page.get_by_role("button", name="Source 1: Handbook").click()
        quote = page.text_content(".sources li:first-child q")
        assert highlighted(page) == quote
        assert quote and quote in file.read_text("utf-8")


def test_an_answer_streams_and_its_marks_open_the_exact_words(page: Page, site: str) -> None:
    page.goto(site)
    ask(page)
    answer = page.locator(".answer")
    expect(answer).to_have_attribute("aria-busy", "false")
    expect(answer).to_have_attribute("aria-live", "polite")
    assert answer.text_content() == "Leave is <b>28</b> days. 1 See [2024] and 2."
    expect(page.locator(".sources li")).to_have_count(2)
    expect(page.locator(".sources li").first).to_contain_text("Page 3 · Leave · handbook.md")

    page.get_by_role("button", name="Source 1").click()
    assert highlighted(page) == QUOTE
    expect(page.locator("#panel-text mark")).to_be_in_viewport()
    assert page.text_content("#panel-text") == TEXT
    page.locator(".source").nth(1).click()
    expect(page.locator("#panel-text mark")).to_have_text("Handbook 🎉 𝔘𝔫𝔦𝔠𝔬𝔡𝔢")
    assert page.locator("b, i").count() == 0, "text became HTML"


def test_the_words_that_answer_are_highlighted_though_a_mark_and_the_same_words_come_before(
    page: Page, site: str, script: Script
) -> None:
    texts = ("From 2 on 🏖️ see below.", "Of 12 weeks 🎉 2 are free.")
    at = texts[1].index("2 are")
    sentences = [
        Sentence(text=text, citations=[mark], supported=True, highlight=place)
        for mark, text, place in zip((2, 1), texts, (None, (at, at + 1)), strict=True)
    ]
    said = {"sentences": sentences, "answer": f"{texts[0]} [2] {texts[1]} [1]"}
    script.events = (Done(ANSWER.model_copy(update=said)),)
    page.goto(site)
    ask(page)
    expect(page.locator(".answer")).to_have_attribute("aria-busy", "false")

    before, shown = page.evaluate("""() => {
        const [found] = CSS.highlights.get("answer");
        const before = document.createRange();
        before.setStart(document.querySelector(".answer"), 0);
        before.setEnd(found.startContainer, found.startOffset);
        return [before.toString(), found.toString()];
    }""")

    assert (before[-9:], shown) == (" weeks 🎉 ", "2")


def test_the_whole_way_by_keyboard(page: Page, site: str) -> None:
    page.goto(site)
    page.keyboard.type(QUESTION)
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Please")
    page.keyboard.press("Enter")
    page.wait_for_selector(".sources")
    mark = page.get_by_role("button", name="Source 1")
    mark.focus()
    page.keyboard.press("Enter")
    assert highlighted(page) == QUOTE
    expect(page.locator("#panel-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(mark).to_be_focused()


def test_a_conversation_goes_on_until_a_new_one_begins(
    page: Page, site: str, script: Script
) -> None:
    page.goto(site)
    for number in (1, 2):
        ask(page, f"Question {number}")
        expect(page.locator(".turn .sources")).to_have_count(number)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    ask(page, "Question 3")
    expect(page.locator(".turn .sources")).to_have_count(1)
    assert [asked.conversation_id for asked in script.asked] == [None, "c-1", None]


def test_steps_show_live_and_stop_ends_the_work(page: Page, site: str, script: Script) -> None:
    script.events = (Step("guard", 0.1), Step("retrieve", 4.0), Delta("Leave is"), 30.0)
    page.goto(site)
    ask(page)
    expect(page.locator(".steps")).to_contain_text("Checked · Searched")
    expect(page.locator(".answer")).to_have_text("Leave is")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert")).to_have_text("Stopped.")
    expect(page.get_by_role("button", name="Ask", exact=True).last).to_be_visible()
    assert script.cancelled.wait(10)


@pytest.mark.parametrize(
    ("status", "words"),
    [(Status.ABSTAINED, "No answer in the documents"), (Status.UNVERIFIED, "Not verified")],
)
def test_what_is_not_a_proved_answer_wears_a_badge(
    page: Page, site: str, script: Script, status: Status, words: str
) -> None:
    answer = ANSWER.model_copy(update={"status": status, "skipped": ["verify: no time"]})
    script.events = (Done(answer),)
    page.goto(site)
    ask(page)
    expect(page.locator(f".badge.{status}")).to_contain_text(words)
    expect(page.locator(f".badge.{status}")).to_contain_text("verify: no time")


def test_an_answer_that_breaks_off_says_so(page: Page, site: str, script: Script) -> None:
    script.events = (Delta("Leave is"), RuntimeError("postgresql://secret"))
    page.goto(site)
    ask(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Something went wrong on the server")
    expect(page.locator(".answer")).to_have_text("Leave is")
    assert "secret" not in page.content()


def test_thumbs_are_seen_where_no_font_has_a_sign_for_them(page: Page, site: str) -> None:
    page.goto(site)
    ask(page)

    for name in ("Good answer", "Bad answer"):
        button = page.get_by_role("button", name=name)
        expect(button).to_have_text("")
        box = button.locator("svg path").bounding_box()
        assert box and box["width"] > 8 and box["height"] > 8


def test_thumbs_and_a_comment_are_posted(page: Page, site: str, script: Script) -> None:
    page.goto(site)
    ask(page)
    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_label("What was wrong?").fill("It is 30")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("What was wrong?")).to_be_hidden()
    assert [(f.answer_id, f.rating, f.comment) for f in script.rated] == [
        ("a-1", 1, ""),
        ("a-1", -1, ""),
        ("a-1", -1, "It is 30"),
    ]


def test_a_document_that_changed_is_not_highlighted(page: Page, site: str, script: Script) -> None:
    script.text_ = TEXT.replace("28", "30")
    page.goto(site)
    ask(page)
    page.get_by_role("button", name="Source 1").click()
    expect(page.locator("#panel-note")).to_contain_text("has changed since this answer")
    assert page.locator("#panel-text mark").count() == 0


def test_documents_are_listed_page_by_page_and_open(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("button", name="Documents").click()
    rows = page.locator("#documents-view tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(60)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    page.get_by_role("button", name="Handbook 0").click()
    expect(page.locator("#panel-text")).to_contain_text("Handbook 🎉")
    page.get_by_role("button", name="Handbook 1", exact=True).click()
    expect(page.locator("#panel-note")).to_have_text("This document has been deleted.")


def test_the_key_is_asked_for_once_and_kept_in_the_tab(page: Page, script: Script) -> None:
    settings = Settings(api=ApiSettings(key=cast(Any, "schlüssel-🔑")))
    with serving(script.open, settings) as url:
        page.goto(url)
        field_ = page.get_by_label("This server asks for an API key")
        field_.fill("wrong")
        page.keyboard.press("Enter")
        expect(field_).to_be_focused()
        field_.fill("schlüssel-🔑")
        page.get_by_role("button", name="Use this key").click()
        expect(field_).to_be_hidden()
        ask(page)
        page.wait_for_selector(".sources")
        page.reload()
        ask(page)
        page.wait_for_selector(".sources")
        expect(field_).to_be_hidden()


def test_a_question_asked_without_the_key_is_sent_again_with_it(page: Page, script: Script) -> None:
    settings = Settings(api=ApiSettings(key=cast(Any, "key")))
    with serving(script.open, settings) as url:
        page.goto(url)
        ask(page)
        expect(page.locator(".turn")).to_have_count(0)
        page.get_by_label("This server asks for an API key").fill("key")
        page.keyboard.press("Enter")
        page.wait_for_selector(".sources")
        assert [asked.question for asked in script.asked] == [QUESTION]


def test_a_server_that_is_gone_is_said_in_words(page: Page, script: Script) -> None:
    with serving(script.open, Settings()) as url:
        page.goto(url)
        page.wait_for_load_state("networkidle")
    ask(page)
    expect(page.get_by_role("alert")).to_have_text("The server cannot be reached. Is it running?")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_events_are_read_however_they_are_cut(page: Page, site: str, ending: str) -> None:
    lines = [": ping", "data: a 😀", "", "event: x", "data:b", "data: c", "", "data: d", ""]
    page.goto(site)
    read = page.evaluate(
        """async ([text, size]) => {
            const { events } = await import("./static/sse.js");
            const bytes = new TextEncoder().encode(text);
            const body = new ReadableStream({
                start(controller) {
                    for (let at = 0; at < bytes.length; at += size)
                        controller.enqueue(bytes.slice(at, at + size));
                    controller.close();
                },
            });
            const all = [];
            for await (const data of events(body)) all.push(data);
            return all;
        }""",
        [ending.join(lines), 1],
    )
    assert read == ["a 😀", "b\nc", "d"]
