// The page of raters: pairs or scores, by key or touch, one answer at a time.
import { $, ask, element, head, loadImage, onLanguage, pause, savedLink, store, t,
  translate } from "./common.js";

const SCORES = [1, 2, 3, 4, 5];
let study = null;
let link = null;
let state = null;
let question = null;
let since = 0;
let busy = true;
let zoom = 1;
let single = matchMedia("(max-width: 760px)").matches; // one place for both
let side = "left";
let original = false;

const pairs = () => study.kind === "pairs";
const source = (token) => `/api/rate/images/${token}`;

/** Where this rater goes on, on any device. */
function address() {
  const token = study.token ? `?token=${encodeURIComponent(study.token)}` : "";
  return `${location.origin}/rate${token}#${link}`;
}

/** Tries until the server answers; what it stored already it takes again. */
async function insist(path, json) {
  for (let wait = 250; ; wait = Math.min(2 * wait, 4000)) {
    try {
      const found = await ask(path, { json });
      if ($("count").classList.contains("bad")) $("count").classList.remove("bad");
      return found;
    } catch (error) {
      if (error.status && error.status < 500) throw error;
      $("count").textContent = t("lost");
      $("count").classList.add("bad");
      await pause(wait);
    }
  }
}

function page(name) {
  for (const id of ["welcome", "rate", "end"]) $(id).hidden = id !== name;
  $("later").hidden = name !== "rate";
}

async function begin() {
  try {
    state = await insist("/api/rate/state", { link });
  } catch (error) {
    // A link that was saved here may be of an earlier study: no fault.
    const given = link === location.hash.slice(1);
    link = null;
    page("welcome");
    $("problem").textContent = given ? t("noRater") : "";
    return;
  }
  history.replaceState(null, "", `#${link}`);
  store("rater", link);
  $("link").value = address();
  await show();
}

async function show() {
  [question] = state.questions;
  $("share").value = state.answered / state.total;
  if (!question) { page("end"); return; }
  page("rate");
  busy = true;
  original = false;
  side = "left";
  const tokens = { left: question.left, right: question.right, reference: question.reference };
  const shown = Object.entries(tokens).filter(([, token]) => token);
  const images = await Promise.all(shown.map(async ([name, token]) => {
    for (;;) {
      try {
        return [name, await loadImage(source(token))];
      } catch {
        $("count").textContent = t("lost");
        $("count").classList.add("bad");
        await pause(500);
      }
    }
  }));
  for (const [name, image] of images) {
    $(name).src = image.src;
    $(name).parentElement.scrollTo(0, 0);
  }
  $("count").classList.remove("bad");
  layout();
  since = performance.now();
  busy = false;
  // The next one's images, while this one is looked at.
  const next = state.questions[1];
  if (next) {
    for (const token of [next.left, next.right, next.reference]) {
      if (token) new Image().src = source(token);
    }
  }
}

function layout() {
  if (!question) return;
  const both = pairs();
  $("count").textContent = t("progress", { n: state.answered + 1, total: state.total });
  $("question").textContent = study.question || t(both ? "which" : "how");
  const keys = t(both ? "rateKeys" : "scoreKeys");
  $("keys").textContent = question.reference ? keys + t("originalKey") : keys;
  $("toggle").hidden = !both;
  $("toggle").textContent = t(single ? "sideBySide" : "toggle");
  $("change").hidden = !both || !single;
  $("original").hidden = !question.reference;
  $("original").setAttribute("aria-pressed", original);
  $("pair").classList.toggle("single", single || original || !both);
  const on = original ? "reference" : both ? side : "left";
  for (const name of ["left", "right", "reference"]) {
    $(`${name}Figure`).classList.toggle("on", name === on);
  }
  $("referenceFigure").hidden = !original;
  $("rightFigure").hidden = !both;
  document.querySelector("#leftFigure figcaption").hidden = !both;
  $("zoom").textContent = `×${zoom}`;
  const ratio = window.devicePixelRatio || 1;
  for (const name of ["left", "right", "reference"]) {
    const image = $(name);
    image.classList.toggle("sharp", zoom >= 1);
    if (image.naturalWidth) image.style.width = `${(zoom * image.naturalWidth) / ratio}px`;
  }
}

function buttons() {
  const made = pairs()
    ? [[1, "left", "←"], [0, "same", "↓"], [-1, "right", "→"]]
    : SCORES.map((score) => [score, `score.${score}`]);
  $("answers").replaceChildren(...made.map(([value, key, name]) => {
    const words = pairs() ? t(key) : `${value} ${t(key)}`; // 1 to 5 are keys
    const button = element("button", { type: "button", data: { value } }, element("span", {}, words));
    if (pairs()) button.append(element("kbd", {}, name));
    button.addEventListener("click", () => answer(value));
    return button;
  }));
}

async function answer(value) {
  if (busy || !question) return;
  busy = true;
  const given = { link, number: question.number, value, seconds: (performance.now() - since) / 1000 };
  try {
    state = await insist("/api/rate/answers", given);
  } catch (error) {
    // Answered in another window: go on from what is stored.
    state = await insist("/api/rate/state", { link });
  }
  await show();
}

function change() {
  if (!pairs()) return;
  if (single) side = side === "left" ? "right" : "left"; else single = true;
  original = false;
  layout();
}

document.addEventListener("keydown", (event) => {
  if ($("rate").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input")) return;
  const keys = pairs() ? { ArrowLeft: 1, ArrowRight: -1, ArrowDown: 0 }
    : Object.fromEntries(SCORES.map((score) => [String(score), score]));
  if (event.key in keys) { event.preventDefault(); answer(keys[event.key]); }
  if (event.key === " " && !event.target.matches("button")) { event.preventDefault(); change(); }
  if (event.key.toLowerCase() === "r" && question?.reference) { original = !original; layout(); }
  if (event.key === "+" || event.key === "=") scale(2);
  if (event.key === "-") scale(0.5);
});
function scale(factor) {
  zoom = Math.min(Math.max(zoom * factor, 0.25), 16);
  layout();
}
$("zoomIn").addEventListener("click", () => scale(2));
$("zoomOut").addEventListener("click", () => scale(0.5));
$("toggle").addEventListener("click", () => { single = !single; original = false; layout(); });
$("change").addEventListener("click", change);
$("original").addEventListener("click", () => { original = !original; layout(); });
for (const name of ["left", "right"]) {
  $(name).addEventListener("click", () => { if (single) change(); });
}
const panes = [...document.querySelectorAll(".pane")];
for (const pane of panes) {
  pane.addEventListener("scroll", () => {
    for (const other of panes) {
      if (other !== pane) other.scrollTo(pane.scrollLeft, pane.scrollTop);
    }
  });
}
$("copy").addEventListener("click", async () => {
  $("link").select();
  try { await navigator.clipboard.writeText($("link").value); } catch { document.execCommand("copy"); }
  $("copy").textContent = t("copied");
});
$("agree").addEventListener("click", async () => {
  $("agree").disabled = true;
  link = (await insist("/api/rate/raters", { consent: true })).link;
  await begin();
});
onLanguage(() => { words(); buttons(); layout(); });

function words() {
  $("title").textContent = study.title || t("rating");
  $("consent").textContent = study.consent || t("consent");
}

study = await ask("/api/rate/study");
head("rating", []);
words();
buttons();
translate();
link = location.hash.slice(1) || savedLink();
if (link) await begin(); else page("welcome");
