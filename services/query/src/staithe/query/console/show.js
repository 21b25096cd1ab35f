// Builds what the page shows. Text is only ever set as text: nothing of a document or an answer becomes markup.

function element(name, words, className) {
  const made = document.createElement(name);
  if (words !== undefined) made.textContent = words;
  if (className) made.className = className;
  return made;
}

/** Who is signed in, in words. */
export function wordsOf(claims) {
  const tiers = { 1: "office", 2: "analytics", 3: "engineering" };
  const groups = (claims.groups || []).join(", ");
  return claims.sub ? `${claims.sub} at ${claims.tenant}, ${tiers[claims.tier] || "?"}${groups ? `, ${groups}` : ""}` : "";
}

/** A sentence of the answer with links to what it rests on. */
export function sentence(words, citations) {
  const line = element("p", words);
  for (const place of citations) {
    const link = element("a", `[${place + 1}]`);
    link.href = `#source-${place + 1}`;
    link.setAttribute("aria-label", `Source ${place + 1}`);
    const mark = element("sup");
    mark.append(link);
    line.append(" ", mark);
  }
  return line;
}

/** One cited source: where it stands, the quotation, and a button that opens it. */
export function source(cited, place, open) {
  const line = element("li");
  line.id = `source-${place + 1}`;
  const name = cited.title || cited.name || cited.document_id;
  const button = element("button", "Open the source", "plain");
  button.type = "button";
  button.setAttribute("aria-label", `Open the source ${place + 1}, ${name}`);
  button.addEventListener("click", () => open(cited));
  const facts = `${cited.document_id}, version ${cited.document_version}, characters ${cited.span.start}–${cited.span.end}, score ${cited.score.toFixed(2)}`;
  line.append(element("b", name), element("blockquote", cited.quote), element("span", facts, "hint"), " ", button);
  return line;
}

const VERBS = { ingested: "Ingested", sanitized: "Sanitized", embedded: "Embedded", indexed: "Indexed" };

/** The way of one cited version through the pipeline, as its entries in the audit log tell it. */
export function journey(cited, way) {
  const list = element("ol", undefined, "journey");
  for (const { step, leaf, entry } of way) {
    const line = element("li");
    line.append(
      element("b", VERBS[step]),
      element("span", new Date(entry.occurred_at).toISOString().replace("T", " ").slice(0, 23)),
      element("span", `leaf ${leaf}`),
      element("span", `→ ${entry.output_sha256.slice(0, 16)}…`),
    );
    list.append(line);
  }
  return [element("h3", `The way of ${cited.title || cited.name || cited.document_id}`), list];
}
