// @ts-check
/**
 * A list of any length: the server pages, sorts, filters and searches it; what is shown stands in the address, so that
 * Back comes to the same page of it.
 */

import { get, query as post } from "../api.js";
import { count, many, t } from "../i18n.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { ofKinds, usePoll } from "../poll.js";
import { setQuery, useReturn } from "../router.js";
import { Failure, Loading, Panel } from "./layout.js";
import { STATES } from "./state.js";
import { Table } from "./table.js";

/** Rows of a page. */
export const SIZE = 25;
/** The server looks at so many of the newest rows where it sorts or filters. */
const MOST = 2000;
const TYPING = 250; // milliseconds without a key before it is searched

/** @typedef {Record<string, string>} Query  Of the address. */
/**
 * A filter of a list: the column of its rows, how it is called, and its values with their words.
 * @typedef {{name: string, label: string, values: [string, string][]}} Filter
 */

/**
 * What the server is asked for. @param {Query} query @param {string[]} names Of the filters.
 * @returns {Record<string, any>}
 */
export function asked({ q, page, state, order, ...rest }, names) {
  const only = names.filter((name) => rest[name]).map((name) => [name, rest[name]]);
  return {
    page: pageOf(page),
    page_size: SIZE,
    ...(q && { q }),
    ...(state && { state }),
    ...(order && { order }),
    ...(only.length > 0 && { only: JSON.stringify(Object.fromEntries(only)) }),
  };
}

/** @param {string | undefined} page Of the address, where anything may stand. */
const pageOf = (page) => Math.min(1e6, Math.max(1, Math.floor(Number(page)) || 1));

/**
 * The order after a click on a column: first as one expects it, then the other way, then the newest first again.
 * @param {string} now @param {string} column @param {boolean} largest Whether the largest are wanted first.
 */
export function nextOrder(now, column, largest) {
  const [first, second] = largest ? [`-${column}`, column] : [column, `-${column}`];
  return now === first ? second : now === second ? "" : first;
}

/**
 * The numbers of the pages that one can go to from one of them; 0 is a gap.
 * @param {number} now @param {number} last
 */
export function pagesNear(now, last) {
  const near = [1, now - 1, now, now + 1, last].filter((n) => n >= 1 && n <= last);
  const numbers = [...new Set(near)].sort((a, b) => a - b);
  return numbers.flatMap((n, i) => {
    const missing = i ? n - numbers[i - 1] - 1 : 0;
    return missing === 0 ? [n] : missing === 1 ? [n - 1, n] : [0, n];
  });
}

/**
 * @param {{path: string, method?: "get" | "post", query: Query, kinds: string[], filters?: Filter[], empty: any,
 *   columns: (reload: () => void, rows: any[]) => import("./table.js").Column<any>[], address?: (row: any) => string,
 *   search: string}} props `search`: what a search looks into; `kinds`: jobs after which it may be old.
 */
export function Listing({ path, method = "get", query, kinds, filters = [], empty, columns, address, search }) {
  const wanted = asked(
    query,
    filters.map((one) => one.name),
  );
  const key = JSON.stringify(wanted);
  const top = useRef(/** @type {HTMLElement | null} */ (null));
  const { data, error, reload } = usePoll(
    async (signal) => ({ key, ...(await (method === "get" ? get : post)(path, wanted, signal)) }),
    [path, key],
    (reply) => ofKinds(...kinds)(/** @type {any} */ (reply).data),
  );
  useReturn(data !== undefined);
  const reply = /** @type {any} */ (data);
  const last = Math.max(1, Math.ceil((reply?.total ?? 0) / SIZE));
  const shown = Math.min(wanted.page, last);
  const narrowed = Boolean(query.q || query.state || wanted.only);
  useEffect(() => {
    // Rows may have gone from under a page that an old address names.
    if (reply?.key === key && wanted.page > last) setQuery({ page: last > 1 ? String(last) : "" });
  }, [reply, key]);
  /** @param {number} page */
  const turn = (page) => {
    setQuery({ page: page > 1 ? String(page) : "" });
    top.current?.scrollIntoView({ block: "nearest" });
  };
  if (!reply) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  return html`
    <div class="listing" ref=${top}>
      <${Failure} error=${error} retry=${reload} />
      <${Panel} flush>
        ${
          (reply.total > 0 || narrowed) &&
          html`<${Choices} query=${query} filters=${filters} search=${search} reply=${reply} />`
        }
        <div aria-busy=${reply.key === key ? undefined : "true"}>
          <${Table} rows=${reply.data} columns=${columns(reload, reply.data)} address=${address}
            empty=${narrowed ? html`<${Nothing} filters=${filters} />` : empty} order=${query.order ?? ""}
            sort=${(/** @type {string} */ name, /** @type {boolean} */ largest) =>
              setQuery({ order: nextOrder(query.order ?? "", name, largest), page: "" })} />
        </div>
        ${last > 1 && html`<${Pager} now=${shown} last=${last} total=${reply.total} turn=${turn} />`}
      <//>
    </div>
  `;
}

/**
 * What is searched for, and which rows are wanted.
 * @param {{query: Query, filters: Filter[], search: string, reply: any}} props
 */
function Choices({ query, filters, search, reply }) {
  const [text, setText] = useState(query.q ?? "");
  const timer = useRef(0);
  useEffect(() => setText(query.q ?? ""), [query.q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @param {string} next @param {number} [after] */
  const find = (next, after = TYPING) => {
    setText(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setQuery({ q: next.trim(), page: "" }), after);
  };
  /** @type {Filter[]} */
  const all = [
    { name: "state", label: t("状态", "State"), values: Object.entries(STATES).map(([k, of]) => [k, of()[1]]) },
    ...filters,
  ];
  return html`
    <div class="row choices-bar" role="search">
      <input type="search" name="q" class="grow" value=${text} placeholder=${search} aria-label=${search}
        onInput=${(/** @type {any} */ e) => find(e.target.value)}
        onChange=${(/** @type {any} */ e) => find(e.target.value, 0)} />
      ${all.map(
        (filter) => html`
          <select name=${filter.name} aria-label=${filter.label} value=${query[filter.name] ?? ""}
            onChange=${(/** @type {any} */ e) => setQuery({ [filter.name]: e.target.value, page: "" })}>
            <option value="">${t(`${filter.label}：全部`, `${filter.label}: all`)}</option>
            ${filter.values.map(
              ([value, words]) =>
                html`<option value=${value} selected=${value === query[filter.name]}>${words}</option>`,
            )}
          </select>
        `,
      )}
      <span class="small quiet nowrap" role="status">${howMany(reply, Boolean(query.q))}</span>
    </div>
  `;
}

/** @param {any} reply @param {boolean} searched */
function howMany({ total, out_of: of }, searched) {
  if ((of ?? 0) > MOST)
    return t(`最新 ${count(MOST)} 行中的 ${count(total)} 行`, `${count(total)} of the newest ${many(MOST, "row")}`);
  if (searched && (of ?? total) >= MOST)
    return t(`最新的 ${count(MOST)} 个匹配`, `the newest ${many(MOST, "match", "matches")}`);
  return of != null && of !== total
    ? t(`${count(of)} 行中的 ${count(total)} 行`, `${count(total)} of ${many(of, "row")}`)
    : t(`${count(total)} 行`, many(total, "row"));
}

/** @param {{filters: Filter[]}} props */
const Nothing = ({ filters }) => html`
  ${t("没有符合条件的行。", "No row is like that.")}${" "}
  <button type="button" class="as-link"
    onClick=${() =>
      setQuery({ q: "", state: "", page: "", ...Object.fromEntries(filters.map((one) => [one.name, ""])) })}>
    ${t("显示全部", "Show all")}
  </button>
`;

/** @param {{now: number, last: number, total: number, turn: (page: number) => void, size?: number}} props */
export const Pager = ({ now, last, total, turn, size = SIZE }) => html`
  <nav class="row pager" aria-label=${t("翻页", "Pages")}>
    <span class="small quiet grow">
      ${t(
        `第 ${count((now - 1) * size + 1)}–${count(Math.min(total, now * size))} 行，共 ${count(total)} 行`,
        `${count((now - 1) * size + 1)}–${count(Math.min(total, now * size))} of ${count(total)}`,
      )}
    </span>
    <button type="button" class="button small-button" disabled=${now === 1} aria-label=${t("上一页", "Previous page")}
      onClick=${() => turn(now - 1)}>‹</button>
    ${pagesNear(now, last).map((page) =>
      page === 0
        ? html`<span class="faint" aria-hidden="true">…</span>`
        : html`
          <button type="button" class="button small-button" aria-current=${page === now ? "page" : undefined}
            onClick=${() => turn(page)}>${page}</button>
        `,
    )}
    <button type="button" class="button small-button" disabled=${now === last} aria-label=${t("下一页", "Next page")}
      onClick=${() => turn(now + 1)}>›</button>
  </nav>
`;
