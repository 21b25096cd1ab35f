// Keeps the pipeline's figures fresh: text into places that the page already has, never markup.
const EVERY_MS = 2000;
const button = document.getElementById("pause");
let paused = false;
button.hidden = false;
button.addEventListener("click", () => {
  paused = !paused;
  button.textContent = paused ? "Go on" : "Pause";
  button.setAttribute("aria-pressed", String(paused));
});
async function round() {
  if (paused || document.hidden) return;
  const said = document.getElementById("freshness");
  try {
    const response = await fetch("/pipeline.json", { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const told = await response.json();
    for (const [name, text] of Object.entries(told.figures)) {
      const place = document.getElementById(name);
      if (place && place.textContent !== text) place.textContent = text;
    }
    for (const [name, state] of Object.entries(told.states)) {
      document.getElementById(`box-${name}`)?.setAttribute("class", state);
    }
    said.textContent = `as of ${told.at}`;
  } catch {
    said.textContent = "the desk does not answer; is it still running?";
  }
}
setInterval(round, EVERY_MS);
