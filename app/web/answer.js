/** One turn of the conversation: the question, the live answer, its sources and feedback. */

import { sendFeedback } from "./api.js";
import { icon, make } from "./dom.js";
import { openPanel, place } from "./panel.js";
import { splitMarks, unitIndex } from "./text.js";

const STEPS = {
  guard: "Checked",
  recall: "Looked back",
  condense: "Understood",
  plan: "Planned",
  direct: "Replied",
  retrieve: "Searched",
  rerank: "Ranked",
  grade: "Weighed",
  expand: "Rephrased",
  compress: "Picked",
  generate: "Wrote",
  verify: "Proved",
  abstain: "Found nothing",
  finish: "Finished",
};
const BADGES = {
  abstained: ["No answer in the documents", "The evidence does not answer this question."],
  unverified: ["Not verified", "A check that should have run could not. Read the sources."],
};

const THUMB =
  "M7 22V11l4-9a3 3 0 0 1 3 3v4h5.7a2 2 0 0 1 2 2.3l-1.4 9a2 2 0 0 1-2 1.7zM7 11H4a2 2 0 0 0-2 2v7a2 2 0 0 0 2 2h3";

export class Turn {
  constructor(question) {
    this.started = performance.now();
    this.received = "";
    this.text = make("div", { class: "answer", "aria-live": "polite", "aria-busy": "true" });
    this.trail = make("span", { "aria-hidden": "true" });
    const working = make("span", { class: "hidden", role: "status" }, "Working on the answer");
    this.steps = make("p", { class: "steps" }, working, this.trail);
    this.rest = make("div");
    this.element = make(
      "li",
      { class: "turn" },
      make("h2", { class: "question" }, question),
      this.steps,
      this.text,
      this.rest,
    );
  }

  addStep({ node }) {
    this.trail.append(this.trail.textContent && " · ", STEPS[node] ?? node);
  }

  addText(text) {
    this.received += text;
    this.text.textContent = this.received;
  }

  /** The whole answer has come: link its marks, list its sources. */
  finish(answer) {
    this.#settle();
    const sources = new Map(answer.citations.map((citation) => [citation.mark, citation]));
    this.text.replaceChildren(...linked(answer.answer, sources));
    highlightWords(this.text, answer.sentences);
    this.rest.replaceChildren(
      ...badge(answer),
      ...sourceList(answer.citations),
      make("div", { class: "foot" }, feedback(answer.answer_id), timing(answer, performance.now() - this.started)),
    );
  }

  /** The answer did not come, or not wholly. */
  fail(message) {
    this.#settle();
    this.rest.replaceChildren(make("p", { class: "badge error", role: "alert" }, message));
  }

  #settle() {
    this.steps.remove();
    this.text.setAttribute("aria-busy", "false");
  }
}

/** The answer with its marks as buttons, each on the line of the word before it. */
function linked(text, sources) {
  const nodes = [];
  for (const part of splitMarks(text, sources)) {
    if (typeof part === "string") {
      nodes.push(part);
      continue;
    }
    const button = markButton(sources.get(part));
    const before = nodes.pop() ?? "";
    if (typeof before !== "string") {
      before.append(button);
      nodes.push(before);
    } else {
      const [, start, word] = /^(.*?)(\S{0,30}\s?)$/su.exec(before);
      nodes.push(start, make("span", { class: "kept" }, word, button));
    }
  }
  return nodes;
}

/** Highlight the words that answer, each in its sentence; they may stand in several nodes. */
function highlightWords(element, sentences) {
  if (!CSS.highlights) return;
  if (!CSS.highlights.has("answer")) CSS.highlights.set("answer", new Highlight());
  let from = 0;
  for (const { text, highlight } of sentences) {
    const at = element.textContent.indexOf(text, from);
    if (at < 0) continue;
    from = at + text.length;
    if (!highlight) continue;
    const range = document.createRange();
    const [start, end] = highlight.map((place) => at + unitIndex(text, place));
    range.setStart(...position(element, start));
    range.setEnd(...position(element, end));
    CSS.highlights.get("answer").add(range);
  }
}

/** The text node that holds the character number `at`, and its place there. */
function position(element, at) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let node = walker.nextNode();
  while (at > node.length) {
    at -= node.length;
    node = walker.nextNode();
  }
  return [node, at];
}

function markButton(citation) {
  return make(
    "button",
    {
      type: "button",
      class: "mark",
      "aria-label": `Source ${citation.mark}: ${citation.title}`,
      title: citation.title,
      onclick: () => openPanel(citation, citation),
    },
    String(citation.mark),
  );
}

function sourceList(citations) {
  if (!citations.length) return [];
  const items = citations.map((citation) =>
    make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "source card", onclick: () => openPanel(citation, citation) },
        make("span", { class: "number", "aria-hidden": "true" }, String(citation.mark)),
        make(
          "span",
          { class: "about" },
          make("strong", {}, citation.title),
          make("span", { class: "hint" }, place(citation)),
          make("q", {}, citation.quote),
        ),
      ),
    ),
  );
  return [make("h3", {}, "Sources"), make("ol", { class: "sources", role: "list" }, ...items)];
}

function badge({ status, skipped }) {
  if (!BADGES[status]) return [];
  const [label, meaning] = BADGES[status];
  const why = skipped.length ? ` Skipped: ${skipped.join(", ")}.` : "";
  return [
    make("p", { class: `badge ${status}` }, make("strong", {}, label), ` ${meaning}${why}`),
  ];
}

function timing({ timings_ms: timings, usage }, total) {
  const rows = Object.entries(timings).map(([node, ms]) =>
    make("tr", {}, make("td", {}, STEPS[node] ?? node), make("td", {}, `${ms.toFixed(1)} ms`)),
  );
  const calls = usage.llm_calls === 1 ? "1 model call" : `${usage.llm_calls} model calls`;
  return make(
    "details",
    {},
    make("summary", {}, `${seconds(total)}, ${calls}`),
    make("table", {}, make("tbody", {}, ...rows)),
  );
}

const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** Thumbs; a thumb down asks for a reason, which may stay empty. */
function feedback(answerId) {
  const status = make("span", { class: "hint", role: "status" });
  const comment = make("input", { "aria-label": "What was wrong?", placeholder: "What was wrong?" });
  const form = make("form", { class: "row", hidden: true }, comment, make("button", {}, "Send"));
  const rate = async (rating, words = "") => {
    try {
      await sendFeedback(answerId, rating, words);
      up.setAttribute("aria-pressed", String(rating === 1));
      down.setAttribute("aria-pressed", String(rating === -1));
      status.textContent = "Thank you.";
      form.hidden = rating === 1 || words !== "";
    } catch (error) {
      status.textContent = error.message;
    }
  };
  const thumb = (label, rating) =>
    make(
      "button",
      {
        type: "button",
        class: `thumb quiet${rating < 0 ? " down" : ""}`,
        "aria-pressed": "false",
        "aria-label": label,
        title: label,
        onclick: () => rate(rating),
      },
      icon(THUMB),
    );
  const up = thumb("Good answer", 1);
  const down = thumb("Bad answer", -1);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    rate(-1, comment.value.trim());
  });
  return make("div", { class: "feedback" }, up, down, status, form);
}
