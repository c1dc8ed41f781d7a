// @ts-check
/** What was deleted and can come back, and what was taken out of the lists. */

import { act, get } from "../api.js";
import { ConfirmButton, Failure, Head, Loading, Panel, Time } from "../components/layout.js";
import { bytes } from "../components/bytes.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";

/** @type {Record<string, () => string>} */
const NAMES = {
  source: () => t("源数据", "Source set"),
  dataset: () => t("数据", "Dataset"),
  task: () => t("训练任务", "Training task"),
  model: () => t("模型", "Model"),
  evaluation: () => t("评估", "Evaluation"),
  release: () => t("发布", "Release"),
  selection: () => t("挑图", "Selection"),
  package: () => t("任务包", "Package"),
  engine: () => t("引擎", "Engine"),
};

export function TrashPage() {
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/trash", {}, signal),
    [],
    () => 30_000,
  );
  return html`
    <${Head} title=${t("回收站", "Trash")} sub=${keeps(data?.keep_days)} />
    <${Failure} error=${error} retry=${reload} />
    ${!data && !error && html`<${Loading} />`}
    ${
      data &&
      html`
        <div class="stack">
          <${Panel} flush title=${t("已删除", "Deleted")}>
            <${Table} rows=${data.data} columns=${deleted(reload)}
              empty=${t("回收站是空的。", "The trash is empty.")} />
          <//>
          <${Panel} flush title=${t("已归档", "Archived")}>
            <${Table} rows=${data.archived} columns=${archived(reload)}
              empty=${t("没有归档的内容。", "Nothing is archived.")} />
          <//>
        </div>
      `
    }
  `;
}

/** @param {number | undefined} days */
const keeps = (days) =>
  days === undefined
    ? ""
    : days
      ? t(
          `删除的内容保留 ${days} 天（设置 trash_keep_days），之后彻底删除。`,
          `What was deleted is kept for ${days} days (setting trash_keep_days), then it is gone.`,
        )
      : t("删除的内容一直保留。", "What was deleted is kept for ever.");

/** @param {() => void} reload */
const deleted = (reload) => [
  { head: t("名称", "Name"), cell: (/** @type {any} */ row) => row.name, class: "name-col" },
  { head: t("类型", "Kind"), cell: (/** @type {any} */ row) => NAMES[row.kind]?.() ?? row.kind, class: "nowrap" },
  { head: t("大小", "Size"), num: true, cell: (/** @type {any} */ row) => bytes(row.bytes) },
  { head: t("删除于", "Deleted"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.deleted_at} />` },
  {
    head: t("保留到", "Kept until"),
    cell: (/** @type {any} */ row) => html`<span class="nowrap">${row.goes_at ?? t("一直", "for ever")}</span>`,
  },
  {
    head: "",
    class: "actions",
    cell: (/** @type {any} */ row) => html`
      <span class="row nowrap-row">
        <${Do} calls="/v1/trash/{id}/restore" label=${t("还原", "Restore")}
          run=${() => act(`/v1/trash/${row.id}/restore`)} done=${reload} />
        <${ConfirmButton} calls="/v1/trash/{id}/purge" class="small-button" label=${t("彻底删除", "Remove for ever")}
          sure=${t("不能再还原，确定？", "It cannot come back. Sure?")}
          run=${() => act(`/v1/trash/${row.id}/purge`).then(reload)} />
      </span>
    `,
  },
];

/** @param {() => void} reload */
const archived = (reload) => [
  { head: t("名称", "Name"), cell: (/** @type {any} */ row) => row.title, class: "name-col" },
  { head: t("类型", "Kind"), cell: (/** @type {any} */ row) => NAMES[row.kind]?.() ?? row.kind, class: "nowrap" },
  { head: t("归档于", "Archived"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.archived_at} />` },
  {
    head: "",
    class: "actions",
    cell: (/** @type {any} */ row) => html`
      <${Do} calls="/v1/archived" label=${t("放回列表", "Put back")} done=${reload}
        run=${() => act("/v1/archived", { kind: row.kind, name: row.name, archived: false })} />
    `,
  },
];

/** @param {{label: string, run: () => Promise<unknown>, done: () => void}} props */
function Do({ label, run, done }) {
  const [error, setError] = useState(/** @type {any} */ (undefined));
  const [busy, setBusy] = useState(false);
  async function click() {
    setBusy(true);
    setError(undefined);
    await run().then(done, setError);
    setBusy(false);
  }
  return html`
    <span class="confirm">
      <button type="button" class="button small-button" disabled=${busy} onClick=${click}>${label}</button>
      ${error && html`<span class="bad small wrap" role="alert">✕ ${error.message}</span>`}
    </span>
  `;
}
