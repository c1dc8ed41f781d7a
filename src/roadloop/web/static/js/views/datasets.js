// @ts-check
/** Datasets: the list, and one of them with its statistics, leak report, pictures and problems. */

import { get, query } from "../api.js";
import { className } from "../components/classes.js";
import { DeleteButton } from "../components/delete.js";
import { Absent, Facts, Failure, Head, Loading, Panel, Tabs, Time, Warnings, oneOf } from "../components/layout.js";
import { Log } from "../components/log.js";
import { Listing } from "../components/listing.js";
import { JobState, StateChip, StopButton } from "../components/state.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { setQuery, to } from "../router.js";
import { ClassTable } from "./dataset-classes.js";
import { Doubles, Leaks, Problems } from "./dataset-doubts.js";
import { SPLITS } from "./dataset-preview.js";
import { Samples } from "./dataset-samples.js";

export { DatasetNew } from "./dataset-new.js";

/** @typedef {any} Row  A row of /data_history. */

/** @param {{route: import("../router.js").Route}} props */
export const DatasetList = ({ route }) => html`
    <${Head} title=${t("数据", "Datasets")}
      sub=${t(
        "冻结、划分并打包好的图片；训练和评估从这里读取。",
        "Frozen, split and packed pictures; training and evaluation read them.",
      )}
      actions=${html`<a class="button primary" href=${to("datasets", "new")}>${t("生成数据", "New dataset")}</a>`} />
    <${Listing} path="/data_history" method="post" query=${route.query} kinds=${["create_data"]} columns=${columns}
      address=${address} empty=${none()}
      search=${t("搜索名称、描述、源数据", "Search names, descriptions, source sets")}
      filters=${[
        {
          name: "data_type",
          label: t("类型", "Type"),
          values: [
            ["all", t("全量", "all")],
            ["aug", t("增量", "increment")],
          ],
        },
      ]} />
  `;

/** @param {Row} row */
const address = (row) => to("datasets", row.task_id);

const none = () => html`
  ${t("还没有数据。", "No datasets yet.")}
  ${" "}<a class="link" href=${to("datasets", "new")}>
    ${t("从源数据生成第一份", "Build the first from your source sets")} →
  </a>
`;

/** @param {() => void} reload */
const columns = (reload) => [
  { head: t("名称", "Name"), cell: (/** @type {Row} */ r) => r.data_name, class: "name-col", sort: "data_name" },
  { head: t("状态", "State"), cell: (/** @type {Row} */ r) => html`<${JobState} job=${r} />` },
  { head: t("源数据", "Source sets"), cell: (/** @type {Row} */ r) => r.sour_data, class: "text" },
  {
    head: t("类型", "Type"),
    cell: (/** @type {Row} */ r) => (r.data_type === "aug" ? t("增量", "increment") : t("全量", "all")),
    class: "nowrap",
    sort: "data_type",
  },
  ...SPLITS.map((split) => ({
    head: split,
    num: true,
    sort: `counts.${split}`,
    title: t("图片数", "Pictures"),
    cell: (/** @type {Row} */ r) => count(r.counts?.[split]),
  })),
  { head: t("描述", "Description"), cell: (/** @type {Row} */ r) => r.data_describe, class: "text" },
  { head: t("创建", "Created"), cell: (/** @type {Row} */ r) => html`<${Time} at=${r.created_at} />`, sort: "created" },
  { head: "", class: "actions", cell: (/** @type {Row} */ r) => html`<${StopButton} job=${r} done=${reload} />` },
];

/** @param {{route: import("../router.js").Route}} props */
export function DatasetPage({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll(
    (signal) => query("/data_history", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${task} none=${t("没有这个数据", "There is no such dataset")}
          all=${t("查看全部数据", "See all datasets")} list=${to("datasets")} />
      `
      : html`<${Loading} />`;
  const row = data.data;
  const done = row.state === "succeeded";
  const tab = oneOf(route.query.tab, ["classes", "pictures", "leaks", "doubles", "problems", "log"]);
  learnName(task, row.data_name);
  return html`
    <${Head} title=${row.data_name} chip=${done && html`<${StateChip} state=${row.state} />`} sub=${row.data_describe}
      actions=${html`
        <${StopButton} job=${row} done=${reload} />
        ${
          done &&
          html`
            <a class="button primary" href=${`${to("training", "new")}?data=${encodeURIComponent(row.data_name)}`}>
              ${t("用它训练", "Train on it")}
            </a>
          `
        }
        <${DeleteButton} thing=${{ kind: "dataset", name: row.data_name }} back=${to("datasets")} />
      `} />
    <div class="stack">
      ${!done && html`<${Panel}><${JobState} job=${row} wide /><//>`}
      ${
        done
          ? html`<${Finished} row=${row} tab=${tab} query=${route.query} />`
          : html`<${Panel} title=${t("日志", "Log")} flush><${Log} task=${task} live=${isLive(row)} /><//>`
      }
    </div>
  `;
}

/** @param {{row: Row, tab: string, query: Record<string, string>}} props */
function Finished({ row, tab, query }) {
  const { data, error, reload } = usePoll(
    (signal) => get(`/v1/datasets/${encodeURIComponent(row.data_name)}`, {}, signal),
    [row.data_name],
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const info = data.data;
  return html`
    <${Panel}><${Facts} of=${facts(info, row)} /><//>
    <${Warnings} texts=${info.warnings} />
    <div>
      <${Tabs} now=${tab} choose=${(/** @type {string} */ name) => setQuery({ tab: name })}
        tabs=${[
          ["classes", t("类别统计", "Classes")],
          ["pictures", t("图片", "Pictures")],
          [
            "leaks",
            html`
              ${t("泄漏检查", "Leak report")} ${
                info.leaks.length > 0 &&
                html`<span class="chip warn"><span aria-hidden="true">⚠</span>${info.leaks.length}</span>`
              }
            `,
          ],
          [
            "doubles",
            html`
              ${t("重复图片", "Duplicates")} ${
                info.identical > 0 &&
                html`<span class="chip warn"><span aria-hidden="true">⚠</span>${count(info.identical)}</span>`
              }
            `,
          ],
          [
            "problems",
            html`
              ${t("问题文件", "Problems")} ${
                info.bad > 0 && html`<span class="chip warn"><span aria-hidden="true">⚠</span>${count(info.bad)}</span>`
              }
            `,
          ],
          ["log", t("日志", "Log")],
        ]} />
      ${tab === "classes" && html`<${Panel} flush><${ClassTable} info=${info} /><//>`}
      ${tab === "pictures" && html`<${Samples} task=${row.task_id} info=${info} query=${query} />`}
      ${tab === "leaks" && html`<${Leaks} info=${info} />`}
      ${tab === "doubles" && html`<${Doubles} task=${row.task_id} info=${info} />`}
      ${tab === "problems" && html`<${Problems} info=${info} />`}
      ${tab === "log" && html`<${Panel} flush><${Log} task=${row.task_id} live=${false} /><//>`}
    </div>
  `;
}

/** @param {any} info @param {Row} row @returns {[any, any][]} */
const facts = (info, row) => [
  [t("图片", "Pictures"), splits(info.counts)],
  [t("轨迹", "Tracks"), splits(info.tracks)],
  [t("源数据", "Source sets"), info.sources.join(", ")],
  [t("类别表", "Class table"), info.table.name],
  [
    t("划分方式", "Split by"),
    { track: t("轨迹", "track"), picture: t("图片", "picture"), lists: t("官方列表", "official lists") }[
      /** @type {string} */ (info.split_by)
    ],
  ],
  [t("种子", "Seed"), String(info.seed)],
  [
    t("尺寸", "Sizes"),
    Object.entries(info.sizes)
      .slice(0, 4)
      .map(([size, n]) => `${size} (${count(/** @type {number} */ (n))})`)
      .join(", "),
  ],
  [
    t("增量基于", "Increment of"),
    info.base_data &&
      html`<a class="link" href=${`${to("datasets")}?q=${encodeURIComponent(info.base_data)}`}>${info.base_data}</a>`,
  ],
  [
    t("再出现一次", "Once more"),
    info.table.classes
      .filter((/** @type {any} */ c) => info.again?.includes(c.raw_id))
      .map(className)
      .join(", "),
  ],
  [t("生成于", "Built"), row.finished_at],
  [t("内容摘要", "Digest"), html`<span class="mono" title=${info.digest}>${info.digest.slice(0, 12)}</span>`],
];

/** @param {Record<string, number>} counts */
const splits = (counts) => SPLITS.map((split) => `${split} ${count(counts[split] ?? 0)}`).join(" · ");
