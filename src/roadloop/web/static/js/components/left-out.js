// @ts-check
/** The files of an import that somebody should look at: each with its picture and the reason, page by page. */

import { get } from "../api.js";
import { count, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { fateName } from "./imported.js";
import { Empty, Failure, Loading } from "./layout.js";

const PAGE = 24;

/** Outcomes that are nobody's fault, and need no look. */
const FINE = new Set(["added", "already_there", "used", "not_used", "superseded", "not_for_this_picture"]);

/** How many files and statements somebody should look at. @param {any} result */
export const badCount = ({ counts = {}, statements = {} }) =>
  [counts, statements]
    .flatMap((found) => Object.entries(found))
    .reduce((sum, [fate, n]) => sum + (FINE.has(fate) ? 0 : Number(n)), 0);

/** @param {{task: string, result: any, report: string}} props */
export function LeftOut({ task, result, report }) {
  const [outcome, setOutcome] = useState("");
  const [page, setPage] = useState(1);
  const { data, error, reload } = usePoll(
    (signal) => get(`/v1/imports/${task}/files`, { outcome, page, page_size: PAGE }, signal),
    [task, outcome, page],
  );
  const bad = outcome === "" && data ? data.total : badCount(result);
  const fates = Object.keys({ ...result.counts, ...result.statements });
  const last = Math.max(1, Math.ceil((data?.total ?? 0) / PAGE));
  return html`
    <div class="row table-top">
      <select aria-label=${t("按结果筛选", "Filter by outcome")} value=${outcome}
        onChange=${(/** @type {any} */ e) => (setPage(1), setOutcome(e.target.value))}>
        <option value="">${t(`需要查看的（${count(bad)}）`, `To be looked at (${count(bad)})`)}</option>
        ${fates.map(
          (fate) => html`
            <option value=${fate}>
              ${fateName(fate)} (${count((result.counts[fate] ?? 0) + (result.statements?.[fate] ?? 0))})
            </option>
          `,
        )}
      </select>
      <span class="grow"></span>
      <a class="button" href=${report} download>${t("下载全部（CSV）", "Download all (CSV)")}</a>
    </div>
    <${Failure} error=${error} retry=${reload} />
    ${!data && !error && html`<${Loading} />`}
    ${data?.data.length === 0 && html`<${Empty}>${t("✓ 没有这样的文件。", "✓ There are no such files.")}<//>`}
    <div class="left-out">
      ${(data?.data ?? []).map((/** @type {any} */ row) => html`<${One} key=${row.file + row.place} row=${row} />`)}
    </div>
    ${
      last > 1 &&
      html`
        <div class="row panel-text">
          <button type="button" class="button" disabled=${page <= 1} onClick=${() => setPage(page - 1)}>
            ‹ ${t("上一页", "Previous")}
          </button>
          <span class="quiet">${t(`第 ${page} / ${last} 页`, `Page ${page} of ${last}`)}</span>
          <button type="button" class="button" disabled=${page >= last} onClick=${() => setPage(page + 1)}>
            ${t("下一页", "Next")} ›
          </button>
        </div>
      `
    }
  `;
}

/** @param {{row: any}} props */
function One({ row }) {
  const [lost, setLost] = useState(false);
  return html`
    <figure>
      ${
        row.url && !lost
          ? html`
            <a href=${row.url} target="_blank" rel="noreferrer">
              <img src=${row.url} alt=${row.file} loading="lazy" onError=${() => setLost(true)} />
            </a>
          `
          : html`
            <div class="no-picture faint small">
              ${row.url ? t("图片无法显示", "The picture cannot be shown") : t("没有图片", "No picture")}
            </div>
          `
      }
      <figcaption>
        <div class="mono small wrap">${row.file}${row.place && ` · ${row.place}`}</div>
        <div class="small wrap"><b>${fateName(row.outcome)}</b> · ${row.reason}</div>
      </figcaption>
    </figure>
  `;
}
