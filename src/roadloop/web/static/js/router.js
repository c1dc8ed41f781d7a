// @ts-check
/** Hash routes: `#/training/<task id>?tab=log`. */

import { useEffect, useLayoutEffect, useState } from "./lib.js";

/** @typedef {{path: string[], query: Record<string, string>}} Route */

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decode), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a place on the page. @param {(string | number)[]} path */
export const to = (...path) => `#/${path.map(encodeURIComponent).join("/")}`;

/** Go to a place on the page. @param {string} address */
export function go(address) {
  location.hash = address;
}

/**
 * Change the query of the present place without a new step in the browser's history; "" takes a part of it away.
 * @param {Record<string, string>} query
 */
export function setQuery(query) {
  const { path, query: now } = parse(location.hash);
  const given = Object.entries({ ...now, ...query }).filter(([, value]) => value !== "");
  const next = new URLSearchParams(given).toString();
  history.replaceState(history.state, "", `${to(...path)}${next ? `?${next}` : ""}`);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** How far down one was at an address, and where one went from there. @type {Map<string, {y: number, to: string}>} */
const left = new Map();
/** Whether the present step of the history was here before: one came by Back or Forward. */
let returned = false;

function arrive() {
  returned = history.state?.seen === true;
  if (!returned) history.replaceState({ seen: true }, "");
}

/**
 * Back to where one was on this page: as far down, on the link that led away.
 * @param {boolean} ready Whether what was there is there again.
 */
export function useReturn(ready) {
  useLayoutEffect(() => {
    const place = left.get(location.href);
    if (!ready || !returned || !place) return;
    returned = false;
    scrollTo(0, place.y);
    const links = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("main a[href]"));
    [...links].find((link) => link.getAttribute("href") === place.to)?.focus({ preventScroll: true });
  }, [ready]);
}

/** @returns {Route} */
export function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    arrive();
    const changed = (/** @type {HashChangeEvent} */ event) => {
      if (event.oldURL) {
        left.set(event.oldURL, { y: scrollY, to: new URL(event.newURL).hash });
        arrive();
      }
      setRoute(parse(location.hash));
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
