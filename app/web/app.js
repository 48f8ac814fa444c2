/** The page: asking, going on with a conversation, and switching views. */

import { Turn } from "./answer.js";
import { ask, documents, Refusal, useKey } from "./api.js";
import { showDocuments } from "./documents.js";
import { byId } from "./dom.js";
import { closePanel } from "./panel.js";

const BROKE_OFF = "The answer broke off. Ask again.";

let conversationId = null;
let running = null; // the AbortController of the answer in the making
let afterKey = null; // what to try again when a key has been given

async function submit(question) {
  const turn = new Turn(question);
  const controller = new AbortController();
  byId("intro").hidden = true;
  byId("turns").append(turn.element);
  turn.element.scrollIntoView({ block: "start" });
  setRunning(controller);
  try {
    await follow(turn, question, controller.signal);
  } catch (error) {
    turn.fail(controller.signal.aborted ? "Stopped." : explain(error));
    if (error.status === 401) {
      turn.element.remove();
      askForKey(() => submit(question));
    }
  } finally {
    if (running === controller) setRunning(null);
  }
}

async function follow(turn, question, signal) {
  let complete = false;
  for await (const event of ask(question, conversationId, signal)) {
    if (event.step) turn.addStep(event.step);
    if (event.text) turn.addText(event.text);
    if (event.answer) {
      complete = true;
      conversationId = event.answer.conversation_id;
      turn.finish(event.answer);
    }
  }
  if (!complete) turn.fail(BROKE_OFF);
}

const explain = (error) => (error instanceof Refusal ? error.message : BROKE_OFF);

function setRunning(controller) {
  running = controller;
  byId("send").hidden = controller !== null;
  byId("stop").hidden = controller === null;
}

function askForKey(retry) {
  afterKey = retry;
  byId("key-form").hidden = false;
  byId("key").focus();
}

function newConversation() {
  running?.abort();
  conversationId = null;
  byId("turns").replaceChildren();
  byId("intro").hidden = false;
  closePanel();
  show("ask");
  byId("question").focus();
}

function show(view) {
  for (const name of ["ask", "documents"]) {
    byId(`${name}-view`).hidden = name !== view;
    const button = byId(`show-${name}`);
    if (name === view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  byId("ask-form").hidden = view !== "ask";
}

async function openDocuments() {
  show("documents");
  await withKey(showDocuments);
}

/** Do what needs a key; when it is missing, ask for it and try again. */
async function withKey(work) {
  try {
    await work();
  } catch (error) {
    if (error.status === 401) askForKey(() => withKey(work));
  }
}

async function greet() {
  const { data } = await documents(0, 1);
  byId("no-documents").hidden = data.length > 0;
}

byId("ask-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = byId("question").value.trim();
  if (!question || running) return;
  byId("question").value = "";
  submit(question);
});
byId("question").addEventListener("keydown", (event) => {
  // An Enter that ends the composition of a Chinese or Japanese word is not a send.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("ask-form").requestSubmit();
});
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(byId("key").value);
  byId("key").value = "";
  byId("key-form").hidden = true;
  afterKey?.();
});
byId("stop").addEventListener("click", () => running?.abort());
byId("new-conversation").addEventListener("click", newConversation);
byId("show-ask").addEventListener("click", () => show("ask"));
byId("show-documents").addEventListener("click", openDocuments);
byId("panel-close").addEventListener("click", closePanel);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("panel").hidden) closePanel();
});

byId("question").focus();
withKey(greet);
