// What all pages share: words, theme, requests, jobs.
import { messages } from "./messages.js";
import { texts } from "./texts.js";

export const $ = (id) => document.getElementById(id);

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}
export function store(name, value) {
  try { localStorage.setItem(name, value); } catch { /* private mode */ }
}

let language = stored("language") ||
  (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
const listeners = [];

/** A text in the language of the page, its {names} filled in. */
export function t(key, values = {}) {
  const text = texts[language][key] ?? texts.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const patterns = Object.entries(messages).map(([english, chinese]) => {
  const parts = english.split(/\{(\w+)\}/).map((part, index) => (
    index % 2 ? `(?<${part}>.+)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return [new RegExp(`^${parts.join("")}$`), chinese];
});

/** A message of the server in the language of the page, where it is known. */
export function said(message) {
  if (language === "en") return message;
  for (const [pattern, chinese] of patterns) {
    const found = pattern.exec(message);
    if (found) return chinese.replace(/\{(\w+)\}/g, (_, name) => found.groups[name]);
  }
  return message;
}
export function has(key) { return key in texts.en; }

export function onLanguage(listener) { listeners.push(listener); }

export function translate(root = document) {
  document.documentElement.lang = language;
  for (const each of root.querySelectorAll("[data-t]")) {
    each.textContent = t(each.dataset.t);
  }
  for (const each of root.querySelectorAll("[data-label]")) {
    each.setAttribute("aria-label", t(each.dataset.label));
    each.title = t(each.dataset.label);
  }
}

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(made.dataset, value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** The head of a page: names, language and theme. */
export function head(current, pages) {
  const nav = element("nav");
  const places = { studio: "/", generate: "/generate", rating: "/rate" };
  for (const page of pages) {
    const link = element("a", { href: places[page], data: { t: page } });
    if (page === current) link.setAttribute("aria-current", "page");
    nav.append(link);
  }
  const words = element("button", { type: "button", data: { t: "language" } });
  words.addEventListener("click", () => {
    language = language === "en" ? "zh" : "en";
    store("language", language);
    translate();
    listeners.forEach((listener) => listener());
  });
  const theme = element("button", { type: "button", data: { label: "theme" } }, "◐");
  theme.addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme === "dark" ||
      (!document.documentElement.dataset.theme &&
        matchMedia("(prefers-color-scheme: dark)").matches);
    setTheme(dark ? "light" : "dark");
  });
  const end = element("div", { className: "end" }, words, theme);
  document.querySelector("header").append(
    element("strong", {}, "keras_synth"), nav, end);
  if (stored("theme")) setTheme(stored("theme"));
  translate();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  store("theme", theme);
  listeners.forEach((listener) => listener());
}

export function savedLink() { return stored("rater"); }

/** A request; what the server refuses becomes an Error with its status. */
export async function ask(path, { method, json, body, headers = {} } = {}) {
  const options = { method: method ?? (json || body ? "POST" : "GET"), headers };
  if (json) {
    options.body = JSON.stringify(json);
    headers["content-type"] = "application/json";
  } else if (body) {
    options.body = body;
  }
  const answer = await fetch(path, options);
  if (answer.status === 204) return null;
  let given = {};
  try { given = await answer.json(); } catch { /* no JSON */ }
  if (!answer.ok) {
    const error = new Error(given.error ?? `HTTP ${answer.status}`);
    error.status = answer.status;
    throw error;
  }
  return given;
}

export function upload(file) {
  return ask("/api/files", {
    body: file,
    headers: { "x-file-name": encodeURIComponent(file.name ?? "mask.png") },
  });
}

/** Follows a job until it ends; `onFacts` gets each of its states. */
export function follow(job, onFacts) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`/api/jobs/${job.id}/events`);
    let failures = 0;
    source.onmessage = (event) => {
      failures = 0;
      const facts = JSON.parse(event.data);
      onFacts(facts);
      if (["done", "failed", "canceled"].includes(facts.state)) {
        source.close();
        resolve(facts);
      }
    };
    source.onerror = () => {
      failures += 1;
      if (failures > 5 || source.readyState === EventSource.CLOSED) {
        source.close();
        reject(new Error(t("lost")));
      }
    };
  });
}

export function loadImage(path) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error(path));
    image.src = path;
  });
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
