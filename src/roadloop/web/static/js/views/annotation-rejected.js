// @ts-check
/** Rejected labels: the picture beside what came back, why, and where; sent out again with one click. */

import { act, get } from "../api.js";
import { Empty, Failure, Loading, Panel } from "../components/layout.js";
import { Start } from "../components/start.js";
import { count, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { KINDS } from "./annotation-list.js";

const PAGE = 12;

/** @param {{of: any, reload: () => void}} props */
export function Rejected({ of, reload }) {
  const [page, setPage] = useState(1);
  const [step, setStep] = useState("100");
  const polled = usePoll(
    (signal) => get(`/v1/packages/${encodeURIComponent(of.version)}/rejected`, { page, page_size: PAGE }, signal),
    [of.version, page],
    () => ({ kinds: KINDS }),
  );
  const { data, error } = polled;
  if (!data) return error ? html`<${Failure} error=${error} retry=${polled.reload} />` : html`<${Loading} />`;
  if (data.total === 0) {
    return html`
      <${Panel}>
        <${Empty}>
          ${t(
            "没有等待重做的标注。发布时检查每张标注的尺寸和颜色，不合格的会出现在这里。",
            "No label waits to be done again. Publication checks size and colours; what fails comes up here.",
          )}
        <//>
      <//>
    `;
  }
  const numbers = new Set(data.data.map((/** @type {any} */ row) => row.number));
  const types = of.packages.find((/** @type {any} */ row) => numbers.has(row.number))?.type || "full";
  return html`
    <div class="stack">
      <${Panel}>
        <div class="row actions-row">
          <label class="row tight" calls="/task_divide">
            ${t("每包最多", "At most")}
            <input class="short" type="number" min="1" name="step" value=${step}
              onInput=${(/** @type {any} */ e) => setStep(e.target.value)} />
            ${t("张", "in a package")}
          </label>
          <${Start} calls="/task_divide" primary
            done=${() => (reload(), polled.reload())} disabled=${!(Number(step) > 0)}
            label=${t(`再次发出这 ${count(data.total)} 张`, `Send these ${count(data.total)} out again`)}
            run=${() =>
              act("/task_divide", { version: of.version, step, types, rejected: true }).then((reply) => reply.data)} />
          <span class="grow"></span>
          <${Pager} page=${page} size=${PAGE} total=${data.total} choose=${setPage} />
        </div>
        <p class="quiet small wrap">
          ${t(
            "会切成新的任务包，附上这次的标注和原因（reasons.csv）；之后在“任务包”中交付。",
            "They become new packages with the bad label and the reason (reasons.csv); hand them over under Packages.",
          )}
        </p>
      <//>
      <div class="compare">
        ${data.data.map((/** @type {any} */ row) => html`<${Bad} key=${row.label_url} row=${row} />`)}
      </div>
    </div>
  `;
}

/** @param {{row: any}} props */
function Bad({ row }) {
  const [size, setSize] = useState(/** @type {[number, number] | undefined} */ (undefined));
  const [lost, setLost] = useState(false);
  const frames = size
    ? row.spots.map((/** @type {any} */ spot) => {
        const [left, top, right, bottom] = spot.box;
        const [width, height] = size;
        return html`
          <span class="piece" title=${`RGB(${spot.color.join(",")})`} style=${{
            left: `${(100 * left) / width}%`,
            top: `${(100 * top) / height}%`,
            width: `${(100 * (right - left + 1)) / width}%`,
            height: `${(100 * (bottom - top + 1)) / height}%`,
          }}></span>
        `;
      })
    : [];
  return html`
    <figure class="rejected">
      <div class="side">
        <a class="stacked" href=${row.image_url} target="_blank" rel="noreferrer">
          <img src=${row.image_url} alt=${row.name} loading="lazy"
            onLoad=${(/** @type {any} */ e) => setSize([e.target.naturalWidth, e.target.naturalHeight])} />
          ${frames}
        </a>
        ${
          lost
            ? html`<div class="no-picture faint small">${t("标注无法显示", "The label cannot be shown")}</div>`
            : html`
              <a class="stacked" href=${row.label_url} target="_blank" rel="noreferrer">
                <img src=${row.label_url} alt=${t("返回的标注", "What came back")} loading="lazy"
                  onError=${() => setLost(true)} />
                ${frames}
              </a>
            `
        }
      </div>
      <figcaption class="small wrap">
        <b>${t(`第 ${row.number} 包`, `Package ${row.number}`)}</b> <span class="mono">${row.name}</span>
        <div class="bad">✕ ${row.reason}</div>
      </figcaption>
    </figure>
  `;
}

/** @param {{page: number, size: number, total: number, choose: (page: number) => void}} props */
export const Pager = ({ page, size, total, choose }) =>
  total > size &&
  html`
    <nav class="row tight" aria-label=${t("分页", "Pages")}>
      <button type="button" class="button small-button" disabled=${page <= 1} onClick=${() => choose(page - 1)}>
        ‹ ${t("上一页", "Previous")}
      </button>
      <span class="quiet small nowrap">${page} / ${Math.ceil(total / size)}</span>
      <button type="button" class="button small-button" disabled=${page * size >= total}
        onClick=${() => choose(page + 1)}>
        ${t("下一页", "Next")} ›
      </button>
    </nav>
  `;
