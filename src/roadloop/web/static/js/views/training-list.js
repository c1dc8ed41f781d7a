// @ts-check
/** The training tasks. */

import { query } from "../api.js";
import { Failure, Head, Loading, Panel, Time } from "../components/layout.js";
import { JobState } from "../components/state.js";
import { Table } from "../components/table.js";
import { score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { ofKinds, usePoll } from "../poll.js";
import { to } from "../router.js";
import { CompareLink, tickColumn } from "./training-compare.js";

/** @typedef {any} Row  A row of /train_history. */

export function TrainingList() {
  const [ticked, tick] = useState(/** @type {string[]} */ ([]));
  const { data, error, reload } = usePoll(
    (signal) => query("/train_history", {}, signal),
    [],
    (reply) => ofKinds("train")(reply.data),
  );
  return html`
    <${Head} title=${t("训练", "Training")}
      sub=${t("一个任务 = 一个网络在一份数据上的一次训练。", "A task is one training of one network on one dataset.")}
      actions=${html`
        <${CompareLink} ticked=${ticked} />
        <a class="button primary" href=${to("training", "new")}>${t("新训练任务", "New training task")}</a>
      `} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <${Panel} flush>
            <${Table} rows=${data.data} columns=${[...columns(), tickColumn(ticked, tick)]}
              address=${(/** @type {Row} */ r) => to("training", r.task_id)} empty=${none()} />
          <//>
        `
    }
  `;
}

const none = () => html`
  ${t("还没有训练任务。", "No training tasks yet.")}
  ${" "}<a class="link" href=${to("training", "new")}>${t("创建第一个", "Create the first")} →</a>
`;

const columns = () => [
  { head: t("名称", "Name"), cell: (/** @type {Row} */ r) => r.task_name, class: "name-col" },
  { head: t("状态", "State"), cell: (/** @type {Row} */ r) => html`<${JobState} job=${r} />` },
  { head: t("轮次", "Epochs"), num: true, cell: (/** @type {Row} */ r) => `${r.epoch} / ${r.iter_num ?? "–"}` },
  {
    head: t("最好 mIoU", "Best mIoU"),
    num: true,
    cell: (/** @type {Row} */ r) => html`<span title=${r.best?.file}>${score(r.best?.miou)}</span>`,
  },
  { head: t("网络", "Network"), cell: (/** @type {Row} */ r) => r.network, class: "text" },
  { head: t("数据", "Dataset"), cell: (/** @type {Row} */ r) => r.data, class: "text" },
  { head: t("类别", "Classes"), num: true, cell: (/** @type {Row} */ r) => r.category_num },
  { head: t("批", "Batch"), num: true, cell: (/** @type {Row} */ r) => r.batch_size },
  { head: t("学习率", "Rate"), num: true, cell: (/** @type {Row} */ r) => r.learning_rate },
  {
    head: t("设备", "Devices"),
    cell: (/** @type {Row} */ r) => (r.state === "created" ? "–" : r.gpus ? `GPU ${r.gpus}` : "CPU"),
    class: "nowrap",
  },
  { head: t("创建", "Created"), cell: (/** @type {Row} */ r) => html`<${Time} at=${r.created_at} />` },
];
