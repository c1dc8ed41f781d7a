// @ts-check
/** What serves where: of each category the newest release of every environment and place. */

import { get } from "../api.js";
import { Failure, Loading, Panel } from "../components/layout.js";
import { Against, measuredOn, placeOf, releasedMiou } from "../components/released.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

const MANY = 50;

/** @typedef {{now: any, before: any}} Served */

/** @param {string} type @param {AbortSignal} [signal] @param {Served} [last] */
const load = (type, signal, last) =>
  get(
    "/v1/releases/serving",
    { type, limit: MANY, ...(last && { env: last.now.env, adcode: last.now.adcode }) },
    signal,
  );

/** Every category with the first of its places. */
export const useServing = () =>
  usePoll(
    async (signal) => {
      const first = await load("", signal);
      const others = await Promise.all(
        first.categories.slice(1).map((/** @type {string} */ name) => load(name, signal)),
      );
      return [first, ...others].map((reply, k) => ({ name: first.categories[k], places: reply.data }));
    },
    [],
    () => ({ kinds: ["release"] }),
  );

/** @param {{data?: any, error?: import("../api.js").ApiError, reload: () => void}} props */
export const Serving = ({ data, error, reload }) => html`
  <${Failure} error=${error} retry=${reload} />
  ${
    !data
      ? !error && html`<${Loading} />`
      : html`
        <div class="stack">
          ${data.map(
            (/** @type {any} */ one) => html`<${Category} key=${one.name} name=${one.name} places=${one.places} />`,
          )}
        </div>
      `
  }
`;

/** @param {{name: string, places: Served[]}} props */
function Category({ name, places }) {
  const [more, setMore] = useState(/** @type {Served[]} */ ([]));
  const [error, setError] = useState(/** @type {any} */ (undefined));
  const rows = [...places, ...more];
  const [ended, setEnded] = useState(false);
  /** @param {import("../api.js").Reply} reply */
  const add = (reply) => {
    setMore([...more, ...reply.data]);
    setEnded(reply.data.length < MANY);
  };
  return html`
    <${Panel} title=${name} flush>
      <${Table} rows=${rows} columns=${columns()} address=${(/** @type {Served} */ s) => to("release", s.now.task_id)}
        empty=${t("这个类别还没有发布过模型。", "Nothing has been released in this category.")} />
      <${Failure} error=${error} />
      ${
        places.length === MANY &&
        !ended &&
        html`
          <div class="row pager">
            <button type="button" class="button"
              onClick=${() => load(name, undefined, rows.at(-1)).then(add, setError)}>
              ${t("更多地区", "More places")}
            </button>
          </div>
        `
      }
    <//>
  `;
}

const columns = () => [
  {
    head: t("环境", "Environment"),
    cell: (/** @type {Served} */ s) => html`<b>${s.now.env}</b>`,
    class: "name-col",
  },
  { head: t("地区", "Place"), cell: (/** @type {Served} */ s) => placeOf(s.now) },
  { head: t("版本", "Version"), cell: (/** @type {Served} */ s) => s.now.version },
  {
    head: "mIoU",
    num: true,
    cell: (/** @type {Served} */ s) => html`
      <div>${releasedMiou(s.now.metrics)}</div>
      <div class="small faint wrap">${measuredOn(s.now.metrics)}</div>
    `,
  },
  {
    head: t("与之前相比", "Against before"),
    num: true,
    cell: (/** @type {Served} */ s) => html`<${Against} now=${s.now} before=${s.before} />`,
  },
  {
    head: t("模型", "Model"),
    cell: (/** @type {Served} */ s) =>
      html`<div>${s.now.model}</div><div class="small faint">${t("来自", "from")} ${s.now.source}</div>`,
    class: "text",
  },
  {
    head: t("发布时间", "Released"),
    cell: (/** @type {Served} */ s) => html`<span class="nowrap">${s.now.time}</span>`,
  },
];
