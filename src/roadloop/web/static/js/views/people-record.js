// @ts-check
/** The record of who did what, newest first; whole as a table, and its chain of hashes verified. */

import { get } from "../api.js";
import { Failure, Loading, Panel, Time } from "../components/layout.js";
import { Code } from "../components/prose.js";
import { Table } from "../components/table.js";
import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { setQuery } from "../router.js";

const PAGE = 50;

/** @param {{query: Record<string, string>}} props */
export function RecordPage({ query }) {
  const { who = "", before = "" } = query;
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/audit", { who, before, page_size: PAGE }, signal),
    [who, before],
  );
  const rows = /** @type {any[]} */ (data?.data ?? []);
  return html`
    <div class="stack">
      <${Panel}>
        <div class="row">
          <input class="search" type="search" value=${who}
            placeholder=${t("某个账号的全名", "One account's whole name")}
            aria-label=${t("只看某个账号", "Only one account")}
            onChange=${(/** @type {any} */ e) => setQuery({ who: e.target.value, before: "" })} />
          <span class="grow"></span>
          <a class="button" href="/v1/audit/table" download="audit.csv">${t("下载表格", "Download as a table")}</a>
        </div>
        <${Verify} />
      <//>
      <${Failure} error=${error} retry=${reload} />
      ${
        !data
          ? !error && html`<${Loading} />`
          : html`
            <${Panel} flush>
              <${Table} rows=${rows} columns=${columns()} empty=${t("没有记录。", "There are no lines.")} />
            <//>
            <div class="row pages">
              ${
                before &&
                html`
                  <button type="button" class="button" onClick=${() => setQuery({ before: "" })}>
                    ${t("最新的", "The newest")}
                  </button>
                `
              }
              ${
                rows.length === PAGE &&
                html`
                  <button type="button" class="button"
                    onClick=${() => setQuery({ before: String(rows[rows.length - 1].seq) })}>
                    ${t("更早的", "Earlier ones")} ›
                  </button>
                `
              }
            </div>
          `
      }
    </div>
  `;
}

function Verify() {
  const [said, setSaid] = useState(/** @type {any} */ (undefined));
  const verify = () =>
    get("/v1/audit/verify").then(
      (reply) => setSaid(reply.data),
      (error) => setSaid({ error }),
    );
  return html`
    <div class="row small">
      <button type="button" class="button small-button" onClick=${verify}>${t("校验", "Verify")}</button>
      ${said?.error && html`<span class="bad wrap" role="alert">✕ ${said.error.message}</span>`}
      ${
        said?.hash &&
        html`
          <span class="wrap" role="status">
            <span class="good">✓</span>
            ${t(`${count(said.lines)} 行，校验链完整；`, `${many(said.lines, "line")}, the chain is whole;`)}${" "}
            ${t("可记在别处：", "to keep elsewhere:")} <code class="wrap">${said.lines}:${said.hash}</code>
          </span>
        `
      }
    </div>
  `;
}

const columns = () => [
  { head: "#", num: true, cell: (/** @type {any} */ row) => count(row.seq) },
  { head: t("时间", "When"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.at} />` },
  {
    head: t("谁", "Who"),
    cell: (/** @type {any} */ row) =>
      row.who ? html`<b>${row.who}</b>` : html`<span class="quiet">${t("本机", "this machine")}</span>`,
  },
  {
    head: t("做了什么", "What"),
    class: "name-col",
    cell: (/** @type {any} */ row) => html`<span title=${row.what}><${Code} text=${row.text} /></span>`,
  },
  {
    head: t("详情", "Details"),
    cell: (/** @type {any} */ row) =>
      html`<span class="small quiet wrap">${Object.entries(row.facts)
        .map(([k, v]) => `${k}=${v}`)
        .join("  ")}</span>`,
  },
];
