/** The view that lists the documents. */

import { documents } from "./api.js";
import { byId, make } from "./dom.js";
import { openPanel } from "./panel.js";

/** Read the list anew. */
export async function showDocuments() {
  const body = make("tbody");
  const more = make("button", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  const status = make("p", { class: "hint", role: "status" }, "Loading…");
  const head = ["Title", "Pages", "Chunks", "Added"].map((name) => make("th", { scope: "col" }, name));
  const table = make("table", { hidden: true }, make("thead", {}, make("tr", {}, ...head)), body);
  byId("documents-view").replaceChildren(make("h2", {}, "Documents"), status, table, more);

  async function load() {
    const page = await documents(body.rows.length);
    body.append(...page.data.map(row));
    table.hidden = !body.rows.length;
    more.hidden = !page.has_more;
    status.textContent = body.rows.length ? "" : "There are no documents yet: footnote ingest PATH";
  }

  try {
    await load();
  } catch (error) {
    status.textContent = error.message;
    throw error;
  }
}

function row(entry) {
  const title = make(
    "button",
    { type: "button", class: "link", onclick: () => openPanel(entry) },
    entry.title,
  );
  return make(
    "tr",
    {},
    make("td", {}, title, make("span", { class: "hint" }, entry.source)),
    make("td", {}, entry.pages ? String(entry.pages) : "–"),
    make("td", {}, String(entry.chunks)),
    make("td", {}, day(entry.ingested_at)),
  );
}

function day(when) {
  const date = new Date(when);
  return Number.isNaN(date.getTime()) ? when : date.toLocaleDateString();
}
