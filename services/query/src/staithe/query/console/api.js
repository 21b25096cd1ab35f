// Calls of the query API under the caller's own rights: with a token, which is held here, in memory, and nowhere else; or
// in a session, whose token this page never sees. Then `word` shows that a request comes from this page.

let token = "";
let word = "";

export function signIn(given) {
  token = given.trim();
}

export function signOut() {
  token = "";
  word = "";
}

/** How one signs in here, and who is. */
export async function session() {
  const found = await (await call("/console/session")).json();
  word = found.word || "";
  return found;
}

/** End the session; returns where the provider's own is ended. */
export async function endSession() {
  return (await (await call("/console/sign-out", { method: "POST" })).json()).location;
}

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** What the token says of its bearer, for the page to show; the server alone decides what it is worth. */
export function claims() {
  try {
    const body = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(body), (each) => each.charCodeAt(0))));
  } catch {
    return {};
  }
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      headers: { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : { "Staithe-Console": word }) },
      credentials: token ? "omit" : "same-origin",
      redirect: "error",
    });
  } catch {
    throw new Problem(0, "The service does not answer.");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response) {
  try {
    return new Problem(response.status, String((await response.json()).detail));
  } catch {
    return new Problem(response.status, `The service answered with ${response.status}.`);
  }
}

/** Ask; `told` hears each event's name and JSON. Returns the answer's very bytes, which the audit log has the digest of. */
export async function ask(question, told, signal) {
  const response = await call("/v1/answers", {
    method: "POST",
    headers: { Accept: "text/event-stream", "Content-Type": "application/json" },
    body: JSON.stringify({ question }),
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  let whole = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    waiting += value;
    let end;
    while ((end = waiting.indexOf("\n\n")) >= 0) {
      const lines = waiting.slice(0, end).split("\n");
      waiting = waiting.slice(end + 2);
      const name = (lines.find((each) => each.startsWith("event: ")) || "event: message").slice(7);
      const data = (lines.find((each) => each.startsWith("data: ")) || "data: null").slice(6);
      const event = JSON.parse(data);
      if (name === "error") throw new Problem(event.status, event.detail);
      if (name === "done") whole = data;
      told(name, event);
    }
  }
  if (!whole) throw new Problem(0, "The answer broke off.");
  return new TextEncoder().encode(whole);
}

export async function content(documentId) {
  const response = await call(`/v1/documents/${encodeURIComponent(documentId)}/content`);
  return { text: await response.text(), version: Number(response.headers.get("Document-Version")) };
}

const TRIES = 20;
const PAUSE_MS = 500;

/** The evidence of an answer. Its last entry may still be on its way into the log: then it is asked for again. */
export async function evidence(answerId) {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await (await call(`/v1/evidence/${encodeURIComponent(answerId)}`)).json();
    } catch (problem) {
      if (problem.status !== 409 || left === 0) throw problem;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
