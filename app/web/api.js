/** The server's routes, with the API key, and errors in words. */

import { events } from "./sse.js";

const KEY = "footnote-api-key";
const PAGE = 50;

/** An error whose message may be shown to the reader. */
export class Refusal extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export const useKey = (key) => sessionStorage.setItem(KEY, key);

/** Stream an answer: yields {text}, {step} and at last {answer}. */
export async function* ask(question, conversationId, signal) {
  const response = await request("v1/chat/completions", {
    signal,
    json: {
      model: "footnote",
      stream: true,
      messages: [{ role: "user", content: question }],
      footnote: conversationId ? { conversation_id: conversationId } : {},
    },
  });
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new Refusal(chunk.error.message ?? "The answer broke off.");
    const text = chunk.choices?.[0]?.delta?.content;
    if (text) yield { text };
    if (chunk.footnote?.step) yield { step: chunk.footnote.step };
    if (chunk.footnote?.answer_id) yield { answer: chunk.footnote };
  }
}

export const documents = (offset, limit = PAGE) =>
  json(`v1/documents?limit=${limit}&offset=${offset}`);

export const documentText = async (id) =>
  (await json(`v1/documents/${encodeURIComponent(id)}/text`)).text;

export const sendFeedback = (answerId, rating, comment = "") =>
  request("v1/feedback", { json: { answer_id: answerId, rating, comment } });

const json = async (path) => (await request(path)).json();

async function request(path, { json: body, signal } = {}) {
  const headers = {};
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${bytes(key)}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The server cannot be reached. Is it running?");
  }
  if (!response.ok) throw new Refusal(await reason(response), response.status);
  return response;
}

/** A header may hold bytes only: the key's UTF-8, a character for each byte. */
const bytes = (text) => String.fromCharCode(...new TextEncoder().encode(text));

/** What a refused request says: OpenAI's error body, a problem document, or our own words. */
async function reason(response) {
  const wait = Number(response.headers.get("Retry-After"));
  const soon = wait ? ` Try again in ${wait} s.` : " Try again soon.";
  if (response.status === 401) return "The server asks for a valid API key.";
  if (response.status === 429) return `Too many requests.${soon}`;
  if (response.status === 503) return `The server is busy or not ready.${soon}`;
  const body = await response.json().catch(() => ({}));
  const said = body.error?.message ?? body.detail ?? body.title;
  return typeof said === "string" ? said : `The server refused the request (${response.status}).`;
}
