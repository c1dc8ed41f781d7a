// @ts-check
/** Hash routes: `#/training/<task id>?tab=log`. */

import { useEffect, useState } from "./lib.js";

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

/** @returns {Route} */
export function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
