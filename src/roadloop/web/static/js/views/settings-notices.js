// @ts-check
/** Who is told what happens to jobs, and how it went. */

import { get } from "../api.js";
import { Failure, Panel, Time } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";

const FORMS = () => ({
  feishu: t("飞书", "Feishu"),
  dingtalk: t("钉钉", "DingTalk"),
  wecom: t("企业微信", "WeCom"),
  json: "JSON",
});

export function Notices() {
  const { data, error, reload } = usePoll((signal) => get("/v1/notices", {}, signal), []);
  return html`
    <${Panel} title=${t("通知", "Notices")} flush>
      <${Failure} error=${error} retry=${reload} />
      ${data && html`<${Table} rows=${data.data} columns=${columns()} empty=${none()} />`}
    <//>
  `;
}

const none = () =>
  t(
    "没有人会收到通知。ROADLOOP_NOTICES 指定的文件写明谁听什么：见 docs/notices.zh.md。",
    "Nobody is told. The file that ROADLOOP_NOTICES names says who hears what: see docs/notices.md.",
  );

const columns = () => [
  { head: t("对象", "Who"), cell: (/** @type {any} */ row) => row.name, class: "name-col" },
  {
    head: t("发往", "Where"),
    cell: (/** @type {any} */ row) =>
      `${/** @type {any} */ (FORMS())[row.form]} · ${row.host}${row.signed ? "" : t("（未签名）", " (not signed)")}`,
  },
  { head: t("听什么", "Hears"), cell: (/** @type {any} */ row) => html`<code>${row.hear.join(", ")}</code>` },
  { head: t("已送达", "Arrived"), num: true, cell: (/** @type {any} */ row) => count(row.told) },
  { head: t("最近", "Last"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.told_at} />` },
  {
    head: t("状况", "State"),
    cell: (/** @type {any} */ row) =>
      row.problem
        ? html`<span class="bad wrap">${row.problem}</span>`
        : row.waiting
          ? t("发送中", "being sent")
          : row.told
            ? "✓"
            : "–",
  },
];
