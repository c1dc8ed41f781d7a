// @ts-check
/** The training tasks. */

import { Head, Time } from "../components/layout.js";
import { Listing } from "../components/listing.js";
import { JobState } from "../components/state.js";
import { score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { to } from "../router.js";
import { CompareLink, tickColumn } from "./training-compare.js";

/** @typedef {any} Row  A row of /train_history. */

/** @param {{route: import("../router.js").Route}} props */
export function TrainingList({ route }) {
  const [ticked, tick] = useState(/** @type {string[]} */ ([]));
  return html`
    <${Head} title=${t("训练", "Training")}
      sub=${t("一个任务 = 一个网络在一份数据上的一次训练。", "A task is one training of one network on one dataset.")}
      actions=${html`
        <${CompareLink} ticked=${ticked} />
        <a class="button primary" href=${to("training", "new")}>${t("新训练任务", "New training task")}</a>
      `} />
    <${Listing} path="/train_history" method="post" query=${route.query} kinds=${["train"]}
      columns=${() => columns(tickColumn(ticked, tick))}
      address=${(/** @type {Row} */ r) => to("training", r.task_id)} empty=${none()}
      search=${t("搜索名称、描述、网络、数据", "Search names, descriptions, networks, datasets")} />
  `;
}

const none = () => html`
  ${t("还没有训练任务。", "No training tasks yet.")}
  ${" "}<a class="link" href=${to("training", "new")}>${t("创建第一个", "Create the first")} →</a>
`;

/** @param {any} tick Among the first: names and numbers may reach beyond the page. */
const columns = (tick) => [
  { head: t("名称", "Name"), cell: (/** @type {Row} */ r) => r.task_name, class: "name-col", sort: "task_name" },
  { head: t("状态", "State"), cell: (/** @type {Row} */ r) => html`<${JobState} job=${r} />` },
  tick,
  {
    head: t("轮次", "Epochs"),
    num: true,
    cell: (/** @type {Row} */ r) => `${r.epoch} / ${r.iter_num ?? "–"}`,
    sort: "epoch",
  },
  {
    head: t("最好 mIoU", "Best mIoU"),
    num: true,
    sort: "best.miou",
    cell: (/** @type {Row} */ r) => html`<span title=${r.best?.file}>${score(r.best?.miou)}</span>`,
  },
  { head: t("网络", "Network"), cell: (/** @type {Row} */ r) => r.network, class: "text", sort: "network" },
  { head: t("数据", "Dataset"), cell: (/** @type {Row} */ r) => r.data, class: "text", sort: "data" },
  { head: t("类别", "Classes"), num: true, cell: (/** @type {Row} */ r) => r.category_num },
  { head: t("批", "Batch"), num: true, cell: (/** @type {Row} */ r) => r.batch_size },
  { head: t("学习率", "Rate"), num: true, cell: (/** @type {Row} */ r) => r.learning_rate },
  {
    head: t("设备", "Devices"),
    cell: (/** @type {Row} */ r) => (r.state === "created" ? "–" : r.gpus ? `GPU ${r.gpus}` : "CPU"),
    class: "nowrap",
  },
  { head: t("创建", "Created"), cell: (/** @type {Row} */ r) => html`<${Time} at=${r.created_at} />`, sort: "created" },
];
