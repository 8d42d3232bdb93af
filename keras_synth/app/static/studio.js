// The studio: images, operations, a mask, jobs, before and after.
import { $, ask, element, follow, has, head, loadImage, onLanguage, said, t,
  translate, upload } from "./common.js";
import { asMask, Mask, Stage } from "./stage.js";

const stage = new Stage($("canvas"), refresh);
const items = [];
let operations = [];
let operation = null;
let style = null;
let job = null;
let current = null;
let detectors = [];
const values = {}; // of the options, by operation

/** Whether the chosen method takes an option. */
function taken({ only }) {
  const { method } = values[operation.name];
  return !only.length || only.includes(method) || (only.includes("own") && method.endsWith(".keras"));
}

/** The options of the request: those that the method takes. */
function chosenOptions() {
  const chosen = operation.options.filter(taken).map(({ name }) => [name, values[operation.name][name]]);
  return Object.fromEntries(chosen);
}

function showTaken() {
  operation.options.forEach((option, index) => { $("options").children[index].hidden = !taken(option); });
}

/** The rows of controls of an operation's options. */
function showOptions() {
  const chosen = (values[operation.name] ??= {});
  $("options").replaceChildren(...operation.options.map((option) => {
    const id = `option-${option.name}`;
    const row = element("div", { className: "option" });
    const words = option.name === "start" ? "begin" : option.name;
    const label = element("label", { htmlFor: id, data: { t: words } });
    row.append(label);
    const set = (value) => { chosen[option.name] = value; };
    const value = option.name in chosen ? chosen[option.name] : option.automatic ? null : option.default;
    set(value);
    if (option.kind === "choice") {
      const select = element("select", { id });
      for (const choice of option.choices) {
        select.append(element("option", { value: choice, selected: choice === value,
          data: has(`choice.${choice}`) ? { t: `choice.${choice}` } : {} }, choice));
      }
      select.addEventListener("change", () => { set(select.value); showTaken(); });
      row.append(element("span"), select);
    } else if (option.kind === "flag") {
      const box = element("input", { type: "checkbox", id, checked: value });
      box.addEventListener("change", () => set(box.checked));
      row.append(box);
    } else {
      const { automatic } = option;
      const slider = element("input", { type: "range", id, min: option.least,
        max: option.most, step: option.step,
        value: value ?? option.least + (option.most - option.least) / 4 });
      const shown = element("output", { htmlFor: id });
      const end = element("span", { className: "auto" });
      const box = element("input", { type: "checkbox", checked: value === null });
      const update = () => {
        const off = automatic && box.checked;
        slider.disabled = off;
        slider.hidden = off;
        shown.textContent = off ? "" : slider.value;
        set(off ? null : Number(slider.value));
      };
      box.addEventListener("change", update);
      slider.addEventListener("input", update);
      if (automatic) {
        end.append(element("label", { className: "auto" }, box, element("span", { data: { t: "auto" } })));
      }
      end.append(shown);
      row.append(end, slider);
      update();
    }
    return row;
  }));
  showTaken();
  translate($("options"));
}

function chooseOperation(name) {
  operation = operations.find((each) => each.name === name);
  for (const button of $("operations").children) {
    button.setAttribute("aria-pressed", button.dataset.t === name);
  }
  if (operation.needs === "mask" && stage.tool === "hand") setTool("brush");
  showOptions();
  refresh();
}

function setTool(tool) {
  stage.tool = tool;
  for (const button of $("maskTools").querySelectorAll("[data-tool]")) {
    button.setAttribute("aria-pressed", button.dataset.tool === tool);
  }
  stage.draw();
}

/** All that depends on the state, drawn anew. */
function refresh() {
  if (!operation) return;
  const masking = operation.needs === "mask" && current && !current.after;
  stage.showsMask = masking;
  $("maskTools").hidden = !masking;
  $("canvas").style.cursor = masking && stage.tool !== "hand" ? "crosshair" : "grab";
  $("empty").hidden = items.length > 0;
  $("style").hidden = operation.needs !== "style";
  $("styleName").textContent = style?.name ?? "";
  $("about").textContent = t(`about.${operation.name}`);
  const searches = operation.finds && detectors.length > 0;
  $("search").hidden = !searches;
  $("detector").hidden = detectors.length < 2;
  $("find").disabled = !current || Boolean(job);
  const unmarked = operation.needs === "mask" && current && current.mask.empty;
  const lacks = unmarked && !operation.finds
    ? "needsMask" : operation.needs === "style" && !style ? "needsStyle" : null;
  const hint = lacks ?? (unmarked ? (willSearch(current) ? "willFind" : "noMask") : null);
  $("start").disabled = !current || Boolean(job) || Boolean(lacks);
  $("startAll").hidden = items.length < 2 || (operation.needs === "mask" && !operation.finds);
  $("startAll").disabled = Boolean(job) || Boolean(lacks);
  $("cancel").hidden = !job;
  const done = current?.after;
  $("download").hidden = !done;
  if (done) $("download").href = `/api/files/${done.id}/download`;
  for (const id of ["before", "after", "splitBar"]) $(id).hidden = !done;
  $("split").value = stage.split;
  if (current && !job) {
    $("status").textContent = current.error ? said(current.error) : (done ? t("done") : current.note ?? (hint ? t(hint) : ""));
    $("status").classList.toggle("bad", Boolean(current.error));
  }
  $("facts").textContent = done ? factsOf(done.facts) : "";
  $("files").replaceChildren(...items.map((item) => {
    const mark = item.error ? "✕" : item.after ? "✓" : "";
    const button = element("button", { type: "button" },
      element("span", { className: "name" }, item.name), element("span", { className: "quiet" }, `${item.width}×${item.height}`), mark);
    button.setAttribute("aria-pressed", item === current);
    button.addEventListener("click", () => select(item));
    return element("li", {}, button);
  }));
  stage.draw();
}

function factsOf(facts) {
  const shown = [];
  if (facts.noise_level != null) shown.push(`σ = ${(255 * facts.noise_level).toFixed(1)} / 255`);
  if (facts.blur) shown.push(said(facts.blur));
  if (facts.reason) shown.push(`${facts.method}: ${said(facts.reason)}`);
  if (facts.marked != null) shown.push(t("filled", { share: (100 * facts.marked).toFixed(1) }));
  if (facts.jpeg_quality) shown.push(`JPEG ${facts.jpeg_quality}`);
  return [...shown, ...(facts.notes ?? []).map(said)].join("; ");
}

function select(item) {
  current = item;
  stage.show(item);
  refresh();
}

function problem(error) {
  $("uploading").textContent = said(error.message);
  $("uploading").classList.add("bad");
}

/** A brush that is seen on large photographs, too. */
function fitBrush({ width, height }) {
  const longest = Math.max(width, height);
  $("size").max = Math.max(200, Math.round(longest / 8), $("size").max);
  stage.size = Math.max(stage.size, Math.round(longest / 60));
  $("size").value = stage.size;
}

async function add(files) {
  for (const file of files) {
    $("uploading").textContent = t("uploading", { name: file.name });
    $("uploading").classList.remove("bad");
    try {
      const found = await upload(file);
      const before = await loadImage(`/api/files/${found.id}/view`);
      const item = { ...found, before, mask: new Mask(found.width, found.height) };
      items.push(item);
      fitBrush(item);
      select(item);
      $("uploading").textContent = "";
    } catch (error) {
      problem(error);
    }
  }
}

/** Whether a detector marks what nobody has marked. */
function willSearch(item) {
  return operation.finds && detectors.length > 0 && item.mask.empty && !item.searched;
}

/** A job of an item; `onDone` gets its image and its result. */
async function follows(item, start, onDone) {
  item.error = item.note = null;
  try {
    job = { id: null };
    refresh();
    $("status").classList.remove("bad");
    job = await start();
    $("share").hidden = false;
    const facts = await follow(job, (facts) => {
      if (facts.share === null) $("share").removeAttribute("value");
      else $("share").value = facts.share;
      $("status").textContent = t(facts.state, { n: facts.before });
    });
    if (facts.state === "failed") item.error = facts.error;
    if (facts.state === "canceled") item.note = t("canceled");
    if (facts.state === "done") {
      onDone(await loadImage(`/api/files/${facts.result.file.id}/view`), facts.result);
    }
    return facts.state;
  } catch (error) {
    item.error = error.message;
    return "failed";
  } finally {
    job = null;
    $("share").hidden = true;
    if (item === current) select(item); else refresh();
  }
}

function run(item) {
  const request = { operation: operation.name, file: item.id, options: chosenOptions() };
  const start = async () => {
    if (willSearch(item)) {
      request.detector = $("detector").value;
    } else if (operation.needs === "mask") {
      request.mask = (await upload(await item.mask.file())).id;
    } else if (operation.needs === "style") {
      request.style = style.id;
    }
    return ask("/api/jobs", { json: request });
  };
  return follows(item, start, (image, { file, facts }) => {
    item.after = { ...file, image, facts };
    item.at = null;
    stage.split = 0.5;
  });
}

/** The mask of a detector, to be corrected. */
function find(item) {
  const json = { file: item.id, detector: $("detector").value };
  return follows(item, () => ask("/api/masks", { json }), (image, { facts }) => {
    item.mask.clear();
    item.mask.add({ kind: "image", image: asMask(image) });
    item.searched = true;
    item.note = t("found", { share: (100 * facts.marked).toFixed(1) });
  });
}

/** A new start works on the original again. */
function restart(item) { item.after = item.note = null; item.at = null; }

$("start").addEventListener("click", () => {
  restart(current);
  select(current);
  run(current);
});
$("startAll").addEventListener("click", async () => {
  for (const item of [...items]) {
    restart(item);
    select(item);
    if (await run(item) === "canceled") break;
  }
});
$("find").addEventListener("click", () => {
  restart(current);
  select(current);
  find(current);
});
$("cancel").addEventListener("click", () => {
  if (job?.id) ask(`/api/jobs/${job.id}`, { method: "DELETE" });
});
for (const [button, input] of [["add", "picked"], ["choose", "picked"], ["chooseStyle", "styleFile"], ["uploadMask", "maskFile"]]) {
  $(button).addEventListener("click", () => $(input).click());
}
$("picked").addEventListener("change", (e) => add([...e.target.files]).finally(() => { e.target.value = ""; }));
$("styleFile").addEventListener("change", async (e) => {
  const [file] = e.target.files;
  if (!file) return;
  try { style = await upload(file); } catch (error) { problem(error); }
  e.target.value = "";
  refresh();
});
$("maskFile").addEventListener("change", async (e) => {
  const [file] = e.target.files;
  if (!file) return;
  try {
    const found = await upload(file);
    if (Math.abs(found.height * current.width - found.width * current.height) > Math.max(current.width, current.height)) {
      throw new Error(t("maskShape"));
    }
    const image = asMask(await loadImage(`/api/files/${found.id}/view`));
    current.mask.add({ kind: "image", image });
    $("uploading").textContent = "";
  } catch (error) {
    problem(error);
  }
  e.target.value = "";
  refresh();
});
for (const button of $("maskTools").querySelectorAll("[data-tool]")) {
  button.addEventListener("click", () => { setTool(button.dataset.tool); refresh(); });
}
$("size").addEventListener("input", (e) => { stage.size = Number(e.target.value); stage.draw(); });
$("undo").addEventListener("click", () => { current?.mask.undo(); refresh(); });
$("clear").addEventListener("click", () => { current?.mask.clear(); refresh(); });
$("invert").addEventListener("click", () => { current?.mask.invert(); refresh(); });
$("zoomIn").addEventListener("click", () => stage.zoom(1.5));
$("zoomOut").addEventListener("click", () => stage.zoom(1 / 1.5));
$("fit").addEventListener("click", () => stage.fit());
$("native").addEventListener("click", () => { if (current) stage.native(); });
$("split").addEventListener("input", (e) => { stage.split = Number(e.target.value); stage.draw(); });

const box = $("stage");
box.addEventListener("dragover", (e) => { e.preventDefault(); box.classList.add("over"); });
box.addEventListener("dragleave", () => box.classList.remove("over"));
box.addEventListener("drop", (e) => {
  e.preventDefault();
  box.classList.remove("over");
  add([...e.dataTransfer.files]);
});
document.addEventListener("paste", (e) => add([...e.clipboardData.files]));
document.addEventListener("keydown", (e) => {
  const typing = e.target.matches("select, input:not([type=range])");
  if (typing || !current || e.altKey) return;
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "z") {
    e.preventDefault();
    current.mask.undo();
    refresh();
    return;
  }
  if (e.ctrlKey || e.metaKey) return;
  const tools = { h: "hand", b: "brush", e: "eraser", l: "lasso" };
  const key = e.key.toLowerCase();
  if (key in tools && stage.masking && operation.needs === "mask") { setTool(tools[key]); refresh(); }
  if (key === "[" || key === "]") {
    stage.size = Math.min(Math.max(Math.round(stage.size * (key === "]" ? 1.25 : 0.8)), 1), $("size").max);
    $("size").value = stage.size;
    stage.draw();
  }
  if (key === "+" || key === "=") stage.zoom(1.5);
  if (key === "-") stage.zoom(1 / 1.5);
  if (key === "0") stage.fit();
  if (key === "1") stage.native();
});

onLanguage(refresh);
const facts = await ask("/api/studio");
head("studio", ["studio", "generate", ...(facts.rating ? ["rating"] : [])]);
operations = facts.operations.filter((each) => has(each.name));
detectors = facts.detectors;
$("detector").append(...detectors.map((name) => element("option", { value: name }, name)));
$("operations").append(...operations.map((each) => {
  const button = element("button", { type: "button", data: { t: each.name } });
  button.addEventListener("click", () => {
    if (current?.after) { restart(current); stage.show(current); }
    if (current) current.error = null; // of another operation
    chooseOperation(each.name);
  });
  return button;
}));
translate();
setTool("hand");
chooseOperation("restore");
performance.mark("ready");
