/** The panel that shows a document's text with a quote highlighted. */

import { documentText } from "./api.js";
import { byId, make } from "./dom.js";
import { cut } from "./text.js";

const CONTEXT = 200_000; // characters around the quote; more would make the page slow
const CHANGED = "The document has changed since this answer: the quote is no longer there.";

let opener = null;
let opening = 0;

/** Show a document, with the citation's span highlighted if one is given. */
export async function openPanel(source, citation = null) {
  const mine = ++opening; // a later click must not be overwritten by this one's slow answer
  if (byId("panel").hidden) opener = document.activeElement;
  byId("panel-title").textContent = source.title;
  byId("panel-where").textContent = place(source);
  byId("panel-text").replaceChildren("Loading…");
  note("");
  byId("panel").hidden = false;
  cover(matchMedia("(max-width: 60rem)").matches);
  byId("panel-title").focus({ preventScroll: true });
  try {
    const text = await documentText(source.document_id);
    if (mine === opening) show(text, citation);
  } catch (error) {
    if (mine !== opening) return;
    byId("panel-text").replaceChildren();
    note(error.status === 404 ? "This document has been deleted." : error.message);
  }
}

export function closePanel() {
  opening += 1;
  byId("panel").hidden = true;
  cover(false);
  opener?.focus();
}

/** On a narrow screen the panel covers the page, which the keyboard must not reach then. */
function cover(covered) {
  for (const part of document.querySelectorAll("header, main")) part.inert = covered;
}

/** Where a passage stands: page, heading (without the title it may begin with) and source. */
export function place({ title, page, heading = "", source }) {
  const path = `${heading} > `;
  const below = path.startsWith(`${title} > `) ? path.slice(title.length + 3) : path;
  return [page == null ? "" : `Page ${page}`, below.slice(0, -3), source].filter(Boolean).join(" · ");
}

function show(text, citation) {
  const box = byId("panel-text");
  const [before, quote, after] = cut(text, citation?.start ?? 0, citation?.end ?? 0);
  const found = citation !== null && quote === citation.quote;
  const mark = found ? make("mark", { id: "quote" }, quote) : quote;
  box.replaceChildren(
    before.length > CONTEXT ? `…${before.slice(-CONTEXT)}` : before,
    mark,
    after.length > CONTEXT ? `${after.slice(0, CONTEXT)}…` : after,
  );
  box.scrollTop = 0;
  if (found) mark.scrollIntoView({ block: mark.offsetHeight > box.clientHeight ? "start" : "center" });
  else if (citation) note(CHANGED);
}

function note(text) {
  byId("panel-note").textContent = text;
  byId("panel-note").hidden = !text;
}
