// The page of generators: seeds, truncation, classes, mixing, directions.
import { $, ask, element, follow, head, loadImage, onLanguage, said, t, translate } from "./common.js";

let facts = null;
let amounts = [];
let waits = null;
let going = false;
let again = false;
let shown = null;

function request() {
  const given = {
    model: facts.name,
    seed: Math.max(0, Math.floor(Number($("seed").value) || 0)),
    num_images: Number($("number").value),
    truncation: Number($("truncation").value),
    amounts,
  };
  if (facts.classes && $("label").value !== "") given.label = Number($("label").value);
  if (facts.layers && $("mix").checked) given.mix = Number($("at").value);
  return given;
}

/** One job at a time: what was changed meanwhile is the next one. */
async function generate() {
  if (!facts) return;
  if (going) { again = true; return; }
  going = true;
  $("status").classList.remove("bad");
  try {
    const job = await ask("/api/generate", { json: request() });
    const end = await follow(job, (now) => { $("status").textContent = t(now.state, { n: now.before }); });
    if (end.state === "failed") throw new Error(end.error);
    if (end.state === "done") {
      const made = end.result.file;
      shown = { ...end.result.facts, id: made.id, width: made.width, height: made.height };
      const path = `/api/files/${made.id}/view`;
      await loadImage(path);
      $("image").src = path;
      $("image").hidden = false;
      $("image").alt = `${facts.name}, ${t("seed")} ${$("seed").value}`;
      $("download").hidden = false;
      $("download").href = `/api/files/${made.id}/download`;
      resize();
    }
  } catch (error) {
    $("status").textContent = said(error.message);
    $("status").classList.add("bad");
  }
  going = false;
  if (again) { again = false; generate(); }
}

/** A whole number of device pixels for each pixel, where there is room. */
function resize() {
  if (!shown) return;
  const box = $("image").parentElement;
  const ratio = window.devicePixelRatio || 1;
  const room = Math.min(((box.clientWidth - 32) * ratio) / shown.width,
    (Math.max(box.clientHeight, 320) - 32) * ratio / shown.height);
  const scale = room >= 1 ? Math.floor(room) : room;
  $("image").style.width = `${(shown.width * scale) / ratio}px`;
}

function later() {
  for (const id of ["number", "truncation", "at"]) $(`${id}Shown`).textContent = $(id).value;
  $("layers").hidden = !$("mix").checked;
  clearTimeout(waits);
  waits = setTimeout(generate, 200);
}

async function choose(name) {
  $("status").textContent = t("loading");
  $("status").classList.remove("bad");
  try {
    facts = await ask(`/api/generators/${encodeURIComponent(name)}`);
  } catch (error) {
    facts = null;
    $("status").textContent = said(error.message);
    $("status").classList.add("bad");
    return;
  }
  $("classes").hidden = !facts.classes;
  $("label").replaceChildren(element("option", { value: "", data: { t: "all" } }),
    ...Array.from({ length: facts.classes }, (_, i) => element("option", { value: i }, String(i))));
  $("mixing").hidden = !facts.layers;
  $("mix").checked = false;
  $("at").max = Math.max(facts.layers - 1, 1);
  $("at").value = Math.max(1, Math.floor(facts.layers / 2));
  $("moving").hidden = !facts.directions.length;
  showDirections();
  translate();
  later();
}

function showDirections() {
  amounts = facts.directions.map(() => 0);
  $("directions").replaceChildren(...facts.directions.map((name, index) => {
    const id = `direction-${index}`;
    const slider = element("input", { type: "range", id, min: -5, max: 5, step: 0.25, value: 0 });
    const output = element("output", { htmlFor: id }, "0");
    slider.addEventListener("input", () => {
      amounts[index] = Number(slider.value);
      output.textContent = slider.value;
      later();
    });
    return element("div", { className: "option" },
      element("label", { htmlFor: id, title: name },
        element("span", { data: { t: "direction" } }), ` ${index + 1}`), output, slider);
  }));
}

for (const id of ["seed", "number", "truncation", "label", "mix", "at"]) {
  $(id).addEventListener("input", later);
}
$("newSeed").addEventListener("click", () => {
  $("seed").value = Math.floor(Math.random() * 1e6);
  later();
});
$("reset").addEventListener("click", () => { showDirections(); translate(); later(); });
$("model").addEventListener("change", () => choose($("model").value));
addEventListener("resize", resize);
onLanguage(() => {});

const site = await ask("/api/studio");
head("generate", ["studio", "generate", ...(site.rating ? ["rating"] : [])]);
const { models } = await ask("/api/generators");
$("model").append(...models.map((name) => element("option", { value: name }, name)));
choose(models[0]);
