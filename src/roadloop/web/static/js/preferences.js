// @ts-check
/** What this browser remembers: language and theme. Kept on <html>, where CSS and screen readers find them. */

import { useHeard } from "./heard.js";

/** @typedef {"zh" | "en"} Language */

const root = document.documentElement;
/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {Language} */
export const language = () => (root.lang === "en" ? "en" : "zh");

/** @returns {"light" | "dark"} */
export const theme = () => (root.dataset.theme === "dark" ? "dark" : "light");

/** @param {Language} value */
export function setLanguage(value) {
  root.lang = value;
  remember("language", value);
}

/** @param {"light" | "dark"} value */
export function setTheme(value) {
  root.dataset.theme = value;
  remember("theme", value);
}

/** Draw again when language or theme change. Called once, at the root. */
export function usePreferences() {
  useHeard(listeners);
}

/** @param {string} name @param {string} value */
function remember(name, value) {
  try {
    localStorage.setItem(`roadloop.${name}`, value);
  } catch {
    // storage is switched off: the choice lasts as long as the page
  }
  listeners.forEach((listener) => listener());
}
