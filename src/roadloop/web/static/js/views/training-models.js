// @ts-check
/** The models that a training has written, each of which can be deleted by itself. */

import { get } from "../api.js";
import { DeleteButton } from "../components/delete.js";
import { Empty, Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll, whileLive } from "../poll.js";

/** @param {{row: any}} props */
export function Models({ row }) {
  const { data, reload } = usePoll(
    (signal) => get("/model", { q: row.task_name }, signal),
    [row.task_name, row.state, row.best?.file],
    () => whileLive(row),
  );
  if (!data) return null;
  const files = /** @type {string[]} */ (data.data[row.task_name] ?? []).filter((file) => file.endsWith(".params"));
  return html`
    <${Panel} title=${t("模型", "Models")} flush>
      ${
        files.length === 0
          ? html`<${Empty}>${t("还没有模型。", "No model yet.")}<//>`
          : html`<${Table} rows=${files} columns=${columns(row, reload)} />`
      }
    <//>
  `;
}

/** @param {any} row @param {() => void} reload */
const columns = (row, reload) => [
  {
    head: t("文件", "File"),
    class: "name-col",
    cell: (/** @type {string} */ file) => html`
      <span class="mono wrap">${file}</span>
      ${row.best?.file === file && html` <span class="chip">${t("最好", "best")}</span>`}
    `,
  },
  {
    head: "",
    class: "actions",
    cell: (/** @type {string} */ file) =>
      html`<${DeleteButton} small thing=${{ kind: "model", name: `${row.task_name}/${file}` }} done=${reload} />`,
  },
];
