// @ts-check
/** Search in everything that has a name: places of the page, source sets, and what jobs have made. */

import { get } from "../api.js";
import { t } from "../i18n.js";
import { html, useEffect, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";
import { addressOf, kindName } from "./kinds.js";
import { Failure } from "./layout.js";
import { Over } from "./over.js";
import { JobState } from "./state.js";

const TYPING = 150;
const MANY = 20;

/** @typedef {{name: string, what: string, address: string, job?: any}} Found */

/** @param {{places: {name: string, address: string}[], close: () => void}} props */
export function Palette({ places, close }) {
  const [text, setText] = useState("");
  const [settled, setSettled] = useState("");
  const [at, setAt] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text.trim()), TYPING);
    return () => clearTimeout(timer);
  }, [text]);
  const { data, error } = usePoll((signal) => search(settled, signal), [settled]);
  const wanted = text.trim().toLowerCase();
  /** @type {Found[]} */
  const found = [
    ...places
      .filter((place) => place.name.toLowerCase().includes(wanted))
      .map((place) => ({ ...place, what: t("页面", "page") })),
    ...(data ?? []),
  ];
  const now = Math.min(at, found.length - 1);
  /** @param {KeyboardEvent} event */
  const key = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0;
    if (step) setAt((now + step + found.length) % found.length);
    else if (event.key === "Enter" && found[now]) open(found[now]);
    else return;
    event.preventDefault();
  };
  /** @param {Found} one */
  const open = (one) => {
    close();
    go(one.address);
  };
  return html`
    <${Over} title=${t("搜索", "Search")} close=${close} class="palette">
      <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" autofocus
        aria-activedescendant=${found.length ? `palette-${now}` : undefined} autocomplete="off" value=${text}
        placeholder=${t("数据、任务、评估、发布、页面的名称", "Names of datasets, tasks, evaluations, releases, pages")}
        aria-label=${t("要找的名称", "The name to find")} onKeyDown=${key}
        onInput=${(/** @type {any} */ e) => (setText(e.target.value), setAt(0))} />
      <${Failure} error=${error} />
      <ul id="palette-list" role="listbox" aria-busy=${settled !== text.trim() ? "true" : undefined}>
        ${found.map(
          (one, k) => html`
            <li id=${`palette-${k}`} role="option" aria-selected=${String(k === now)}
              onPointerEnter=${() => setAt(k)} onClick=${() => open(one)}>
              <span class="grow wrap">${one.name}</span>
              ${one.job && html`<${JobState} job=${one.job} />`}
              <span class="small faint nowrap">${one.what}</span>
            </li>
          `,
        )}
      </ul>
      ${
        found.length === 0 &&
        data &&
        html`<p class="quiet">${t("没有叫这个名称的东西。", "Nothing has that name.")}</p>`
      }
    <//>
  `;
}

/** Source sets and the newest jobs with this in their names, each name of a kind once. @param {string} text
 * @param {AbortSignal} signal @returns {Promise<Found[]>} */
async function search(text, signal) {
  if (!text) return [];
  const [sets, jobs] = await Promise.all([
    get("/data", {}, signal),
    get("/v1/jobs", { q: text, page: 1, page_size: MANY }, signal),
  ]);
  const names = sets.data.filter((/** @type {string} */ name) => name.toLowerCase().includes(text.toLowerCase()));
  /** @type {Map<string, Found>} */
  const newest = new Map();
  for (const job of jobs.data) {
    const one = { name: job.title, what: kindName(job.kind), address: addressOf(job), job };
    if (!newest.has(`${one.what}/${one.name}`)) newest.set(`${one.what}/${one.name}`, one);
  }
  return [
    ...names.slice(0, MANY).map((/** @type {string} */ name) => ({
      name,
      what: t("源数据", "source set"),
      address: to("sources", name),
    })),
    ...newest.values(),
  ];
}
