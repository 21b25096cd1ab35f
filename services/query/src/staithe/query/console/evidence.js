// Checks the evidence of an answer in the browser, with nothing but its own SHA-256 and Ed25519 (Web Cryptography API).
// The same checks as docs/verify-without-staithe.md: RFC 6962 inclusion, C2SP signed note, and every link of the way.

const encoder = new TextEncoder();

const bytesOf = (base64) => Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
const unhex = (hex) => Uint8Array.from(hex.match(/../g) || [], (each) => parseInt(each, 16));
const hex = (bytes) => Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
const same = (a, b) => hex(a) === hex(b);

async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

function require(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

function head(checkpoint) {
  const end = checkpoint.lastIndexOf("\n\n");
  const text = checkpoint.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  return { text, origin, size: Number(size), root: bytesOf(root), lines: checkpoint.slice(end + 2).split("\n").filter(Boolean) };
}

/** Whether the log's key signed the checkpoint; throws when it did not. */
async function checkSignature(note, vkey) {
  const [name, keyId, encoded] = [vkey.split("+")[0], vkey.split("+")[1], vkey.split("+").slice(2).join("+")];
  const key = bytesOf(encoded);
  const digest = await sha256(encoder.encode(`${name}\n`), key);
  require(key[0] === 1 && key.length === 33 && hex(digest).slice(0, 8) === keyId, "The log's key is malformed.");
  require(note.origin === name, "The checkpoint is of another log.");
  const imported = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
  for (const line of note.lines) {
    const [, signer, signature] = line.split(" ");
    const bytes = bytesOf(signature);
    if (signer !== name || hex(bytes.slice(0, 4)) !== keyId) continue;
    const holds = await crypto.subtle.verify({ name: "Ed25519" }, imported, bytes.slice(4), encoder.encode(note.text));
    return require(holds, "The checkpoint's signature is wrong.");
  }
  throw new Error("The checkpoint is not signed by this key.");
}

/** RFC 6962 section 2.1.1, from the root down. */
async function rootOver(leaf, index, size, path) {
  if (size === 1 || path.length === 0) return size === 1 && path.length === 0 ? leaf : new Uint8Array();
  let half = 1;
  while (half * 2 < size) half *= 2;
  const other = path[path.length - 1];
  const rest = path.slice(0, -1);
  const one = Uint8Array.of(1);
  if (index < half) return sha256(one, await rootOver(leaf, index, half, rest), other);
  return sha256(one, other, await rootOver(leaf, index - half, size - half, rest));
}

async function entriesOf(bundle, note) {
  const seen = new Map();
  for (const each of bundle.entries) {
    const leaf = await sha256(Uint8Array.of(0), encoder.encode(each.entry));
    const index = each.leaf_index;
    require(Number.isInteger(index) && index >= 0 && index < note.size && !seen.has(index), "An entry has no place in the log.");
    const root = await rootOver(leaf, index, note.size, each.path.map(bytesOf));
    require(same(root, note.root), `Entry ${index} is not in the signed tree.`);
    seen.set(index, JSON.parse(each.entry));
  }
  return seen;
}

const STEPS = ["ingested", "sanitized", "embedded", "indexed"];
const STEP_ACTIONS = { ingested: "document.ingested", sanitized: "document.sanitized", embedded: "document.embedded", indexed: "document.indexed" };

async function checkCitation(cited, seen, answer, at) {
  const leaves = STEPS.flatMap((step) => cited.steps[step]);
  const way = leaves.map((leaf) => seen.get(leaf));
  require(way.every(Boolean), "A step of a cited document is missing.");
  STEPS.forEach((step) => require(seen.get(cited.steps[step][0]).action === STEP_ACTIONS[step], "These are not the steps of a version."));
  require(way.filter((each) => each.action !== "chunks.listed").length === STEPS.length, "These are not the steps of a version.");
  const order = [...leaves, at];
  require(order.every((leaf, place) => place === 0 || order[place - 1] < leaf), "The steps are not in the order of the flow.");
  for (const each of way) {
    const one = each.subject_sha256 === cited.subject_sha256 && each.document_version === cited.document_version;
    require(one && each.tenant_id === answer.tenant_id && each.outcome === "SUCCESS", "A step is of another version.");
  }
  const [file, safe, made, done] = STEPS.map((step) => seen.get(cited.steps[step][0]));
  const linked = file.output_sha256 === safe.input_sha256 && safe.output_sha256 === made.input_sha256 && made.output_sha256 === done.input_sha256;
  require(linked, "A link between two steps is broken.");
  const listed = way.map((each) => (each.action === "document.embedded" || each.action === "chunks.listed" ? each.attributes.chunks || "" : "")).join("");
  const digests = listed.match(/.{64}/g) || [];
  const model = made.attributes.model_digest;
  const parts = [model, ...digests.map((each) => `${"0".repeat(14)}20${each}`)].map(unhex);
  const whole = await sha256(encoder.encode("staithe/chunks/v2"), ...parts);
  require(hex(whole) === made.output_sha256, "The list of chunks is not the one that was embedded.");
  require(cited.chunk_sha256.every((each) => digests.includes(each)), "The quoted chunk is none of this version.");
  require(file.attributes.operation === "UPSERT" && model === done.attributes.model_digest, "The version was erased, or is of another model.");
  require(cited.access.tier <= Number(answer.attributes.tier), "The document is above the caller's tier.");
  return STEPS.map((step) => ({ step, leaf: cited.steps[step][0], entry: seen.get(cited.steps[step][0]) }));
}

function spelled(cited) {
  const place = `${cited.span.start}-${cited.span.end}`;
  return [`${cited.subject_sha256}:${cited.document_version}`, cited.access.tier, cited.access.basis, place, cited.quote_sha256, cited.chunk_sha256.join("")].join(":");
}

/**
 * Check `bundle` against the answer's very bytes, and against the log's key where there is one.
 * `tell(kind, words)` hears each check: "good", or "open" for what could not be checked. Throws an Error with the first that fails.
 * Returns the way of each cited version: its steps with leaf index and entry.
 */
export async function verify(bundle, answerBytes, vkey, tell) {
  const note = head(bundle.checkpoint);
  if (vkey) {
    await checkSignature(note, vkey.trim());
    tell("good", `The log's key signed a tree of ${note.size} entries.`);
  } else {
    tell("open", "The signature was not checked: sign in with the log's key, from its owner, to have it checked.");
  }
  const seen = await entriesOf(bundle, note);
  tell("good", `All ${seen.size} entries are in that tree, each by its inclusion proof.`);
  const answer = seen.get(bundle.answer);
  const right = bundle.format === "staithe/evidence/v1" && answer && answer.action === "query.answered" && answer.event_id === bundle.answer_id;
  require(right, "This is not the evidence of this answer.");
  require(hex(await sha256(answerBytes)) === answer.output_sha256, "The answer is not the one that was recorded.");
  tell("good", "The answer is, byte for byte, the one that was recorded before it was sent.");
  const ways = [];
  for (const cited of bundle.citations) ways.push(await checkCitation(cited, seen, answer, bundle.answer));
  const recorded = [answer.attributes.citations, answer.attributes.cited || ""].join("|");
  require(recorded === [String(bundle.citations.length), bundle.citations.map(spelled).join(";")].join("|"), "The answer cites something else.");
  if (ways.length) tell("good", "Each cited version was ingested, sanitized, embedded and indexed, and each step started from what the one before passed on.");
  const shown = JSON.parse(new TextDecoder().decode(answerBytes));
  for (const [place, quoted] of shown.citations.entries()) {
    const digest = await sha256(encoder.encode("staithe/quote/v1\0"), unhex(shown.salt), encoder.encode(quoted.quote));
    require(hex(digest) === bundle.citations[place].quote_sha256, "A quotation is not the one recorded.");
  }
  if (ways.length) tell("good", "Every quotation is the one that was recorded.");
  return ways;
}
