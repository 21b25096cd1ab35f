// The console's one page: sign in, ask, read the sources, check the evidence.

import * as api from "/console/api.js";
import { verify } from "/console/evidence.js";
import { journey, sentence, source, wordsOf } from "/console/show.js";

const $ = (id) => document.getElementById(id);
const REFUSALS = {
  PROVIDER_REFUSED: "You were not signed in there.",
  SIGN_IN_MISSING: "This sign-in was begun elsewhere, or too long ago.",
  SIGN_IN_SPENT: "This sign-in is over.",
  TOKEN_CLAIMS: "Your account has no tenant or tier here: ask whoever administers it.",
  AUTHENTICATION_INSUFFICIENT: "What you may see needs a stronger sign-in than you have, such as a second factor.",
  ISSUER_UNAVAILABLE: "The place where you sign in does not answer.",
};
const KEY = "staithe-log-key";
let logKey = "";
let inSession = false;
let over = 0;
let answered = null;
let asking = null;

function show(problem) {
  $("problem").textContent = problem ? problem.message : "";
  $("problem").hidden = !problem;
  if (problem && problem.status === 401) leave(inSession ? "Your session is over: sign in again." : "Your token is not valid any more: sign in again.");
}

function enter(token, key) {
  api.signIn(token);
  sit(api.claims(), key);
}

function enterSession(found) {
  clearTimeout(over);
  over = setTimeout(() => leave("Your session is over: sign in again."), Math.max(0, found.expires_at * 1000 - Date.now()));
  sit(found.claims, sessionStorage.getItem(KEY) || "");
}

function sit(claims, key) {
  logKey = key.trim();
  $("sign-in").hidden = true;
  $("provider").hidden = true;
  $("desk").hidden = false;
  $("sign-out").hidden = false;
  $("who").textContent = wordsOf(claims);
  show(null);
  $("question").focus();
}

function leave(why) {
  if (asking) asking.abort();
  api.signOut();
  answered = null;
  for (const id of ["sentences", "sources", "evidence", "source-text"]) $(id).replaceChildren();
  $("token").value = "";
  $("who").textContent = why || "";
  clearTimeout(over);
  offer();
  $("desk").hidden = true;
  $("sign-out").hidden = true;
  $("answer").hidden = true;
  if ($("source").open) $("source").close();
}

function offer() {
  $("sign-in").hidden = inSession;
  $("provider").hidden = !inSession;
  $(inSession ? "provider-sign-in" : "token").focus();
}

async function signOut() {
  if (!inSession) return leave();
  try {
    const elsewhere = await api.endSession();
    sessionStorage.removeItem(KEY);
    leave();
    location.assign(elsewhere);
  } catch (problem) {
    show(problem);
  }
}

function begin() {
  answered = null;
  for (const id of ["sentences", "sources", "evidence"]) $(id).replaceChildren();
  for (const id of ["answer", "verify", "sources-title"]) $(id).hidden = true;
  $("state").textContent = "Searching …";
  show(null);
}

async function ask(question) {
  if (asking) asking.abort();
  const mine = (asking = new AbortController());
  begin();
  try {
    const bytes = await api.ask(question, tell, mine.signal);
    finish(JSON.parse(new TextDecoder().decode(bytes)), bytes);
  } catch (problem) {
    if (mine.signal.aborted) return;
    $("state").textContent = "";
    show(problem);
  }
}

function tell(name, event) {
  if (name === "status" && event.state === "recorded") $("state").textContent = "Recorded in the audit log.";
  if (name === "sentence") {
    $("answer").hidden = false;
    $("sentences").append(sentence(event.text, []));
  }
}

function finish(answer, bytes) {
  answered = { answer, bytes };
  $("answer").hidden = false;
  const lines = answer.answered ? answer.sentences : [{ text: answer.text, citations: [] }];
  $("sentences").replaceChildren(...lines.map((each) => sentence(each.text, each.citations)));
  $("sources").replaceChildren(...answer.citations.map((each, place) => source(each, place, open)));
  $("sources-title").hidden = answer.citations.length === 0;
  $("verify").hidden = false;
  $("state").textContent = answer.answered
    ? `Answered from ${answer.citations.length} quotation${answer.citations.length === 1 ? "" : "s"}, recorded as ${answer.answer_id}.`
    : `Nothing that you may see supports an answer. Recorded as ${answer.answer_id}.`;
}

async function open(cited) {
  try {
    const found = await api.content(cited.document_id);
    const letters = Array.from(found.text); // spans count code points, not UTF-16 units
    const marked = document.createElement("mark");
    marked.textContent = letters.slice(cited.span.start, cited.span.end).join("");
    const isSame = found.version === cited.document_version;
    $("source-title").textContent = cited.title || cited.name || cited.document_id;
    $("source-facts").textContent = isSame
      ? `${cited.document_id}, version ${found.version}, as it was sanitized`
      : `${cited.document_id} has changed since: this is version ${found.version}, the answer cites ${cited.document_version}`;
    if (isSame) {
      $("source-text").replaceChildren(letters.slice(0, cited.span.start).join(""), marked, letters.slice(cited.span.end).join(""));
    } else {
      $("source-text").replaceChildren(found.text);
    }
    $("source").showModal();
    if (isSame) marked.scrollIntoView({ block: "center" });
  } catch (problem) {
    show(problem);
  }
}

async function check() {
  const { answer, bytes } = answered;
  const list = document.createElement("ul");
  list.className = "checks";
  const tell = (kind, words) => {
    const line = document.createElement("li");
    line.className = kind;
    line.textContent = words;
    list.append(line);
  };
  $("evidence").replaceChildren(list);
  $("verify").disabled = true;
  try {
    const ways = await verify(await api.evidence(answer.answer_id), bytes, logKey, tell);
    ways.forEach((way, place) => $("evidence").append(...journey(answer.citations[place], way)));
  } catch (problem) {
    tell("bad", problem.message);
  } finally {
    $("verify").disabled = false;
  }
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  enter($("token").value, $("key").value);
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("question").value.trim()) ask($("question").value.trim());
});
$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});
$("sign-out").addEventListener("click", signOut);
$("provider-key").addEventListener("change", () => sessionStorage.setItem(KEY, $("provider-key").value.trim()));
$("verify").addEventListener("click", check);
$("close").addEventListener("click", () => $("source").close());
document.addEventListener("keydown", (event) => {
  const isTyping = /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !isTyping && !$("desk").hidden) {
    event.preventDefault();
    $("question").focus();
  }
});

// `staithe console` puts the token behind the #, which no server sees; it leaves the address bar and the history at once.
const given = new URLSearchParams(location.hash.slice(1));
if (location.hash) history.replaceState(null, "", location.pathname);
try {
  const found = await api.session();
  inSession = found.sign_in === "provider";
  if (found.signed_in) enterSession(found);
  else if (!inSession && given.get("token")) enter(given.get("token"), given.get("key") || "");
  else offer();
  if (inSession && given.get("refused")) {
    $("refused").textContent = REFUSALS[given.get("refused")] || `You were not signed in (${given.get("refused").slice(0, 64)}).`;
    $("refused").hidden = false;
  }
} catch (problem) {
  show(problem);
}
