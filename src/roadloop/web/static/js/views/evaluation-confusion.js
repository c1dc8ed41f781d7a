// @ts-check
/** What is taken for what, by picture and by track; everything opens its pictures, the worst first. */

import { get } from "../api.js";
import { className, Meter, shortModel, Swatch } from "../components/classes.js";
import { Failure, Loading, Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, many, percent, score, t } from "../i18n.js";
import { html, useRef } from "../lib.js";
import { usePoll } from "../poll.js";
import { setQuery, useReturn } from "../router.js";
import { picturesOf } from "./evaluation-viewer.js";

const NONE = 255;
const WORST = 24;

/** @param {{task: string, report: any, query: Record<string, string>}} props */
export function Confusion({ task, report, query }) {
  const labelled = report.models.flatMap((/** @type {any} */ m, /** @type {number} */ k) =>
    m.labelled_pictures > 0 ? [{ ...m, number: k + 1 }] : [],
  );
  const model = labelled.find((/** @type {any} */ m) => String(m.number) === query.m) ?? labelled[0];
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([
        get(`/v1/evaluations/${task}/models/${model.number}`, { worst: 0 }, signal),
        get(`/v1/evaluations/${task}/pictures`, { model: model.number, order: "worst", limit: WORST }, signal),
        model.number,
      ]),
    [task, model.number],
  );
  const [tables, worst, of] = data ?? [];
  const ready = of === model.number; // not still what was asked before
  useReturn(ready);
  return html`
    <div class="stack">
      ${
        labelled.length > 1 &&
        html`
          <div class="segmented" role="group" aria-label=${t("模型", "Model")}>
            ${labelled.map(
              (/** @type {any} */ m) =>
                html`
                  <button type="button" aria-pressed=${String(m === model)}
                    onClick=${() => setQuery({ m: String(m.number) })}>
                    ${shortModel(m.name)}
                  </button>
                `,
            )}
          </div>
        `
      }
      <${Failure} error=${error} retry=${reload} />
      ${
        !ready || !tables || !worst
          ? !error && html`<${Loading} />`
          : html`
            <${Panel} title=${t("混淆矩阵", "Confusion matrix")}
              aside=${html`
                <span class="small faint">
                  ${t(
                    "行：真值；列：预测；按行归一。点开一格看它的图片，方向键在格间移动",
                    "rows: truth; columns: prediction; shares of the row. A cell opens its pictures; arrow keys move",
                  )}
                </span>
              `}>
              <${Matrix} task=${task} model=${model} tables=${tables.data} />
            <//>
            <div class="two">
              <${Panel} title=${t("最差的图片", "Worst pictures")} flush>
                <${Worst} task=${task} model=${model} rows=${worst.data} />
              <//>
              <${Panel} title=${t("按轨迹", "By track")} flush>
                <div class="table-box tall dense">
                  <${Tracks} task=${task} model=${model} rows=${tables.data.tracks} />
                </div>
              <//>
            </div>
          `
      }
    </div>
  `;
}

/** @param {{task: string, model: any, tables: {confusion: number[][], missed: number[]}}} props */
function Matrix({ task, model, tables: { confusion, missed } }) {
  const table = useRef(/** @type {HTMLElement | null} */ (null));
  const { classes } = model;
  const sums = confusion.map((row, i) => row.reduce((sum, n) => sum + n, missed[i]));
  const columns = confusion.map((_, j) => confusion.reduce((sum, row) => sum + row[j], 0));
  const shown = classes
    .map((/** @type {any} */ _, /** @type {number} */ i) => i)
    .filter((/** @type {number} */ i) => sums[i] > 0 || columns[i] > 0);
  const none = missed.some((n) => n > 0);
  const first = shown.find((/** @type {number} */ i) => sums[i] > 0);
  /** @param {number} i @param {number | null} j Null: pixels that were predicted as nothing. */
  const cell = (i, j) => {
    const [truth, taken] = [classes[i], j === null ? null : classes[j]];
    const query = { m: model.number, c: truth.train_id, ...(i === j ? {} : { p: taken ? taken.train_id : NONE }) };
    const name = `${className(truth)} → ${taken ? className(taken) : t("没有预测", "none")}`;
    const value = j === null ? missed[i] : confusion[i][j];
    return html`
      <${Cell} value=${value} of=${sums[i]} same=${i === j} title=${name} address=${picturesOf(task, query)}
        place=${`${shown.indexOf(i)} ${j === null ? shown.length : shown.indexOf(j)}`}
        reached=${i === first && j === first} />
    `;
  };
  return html`
    <div class="table-box">
      <table class="matrix" ref=${table} onKeyDown=${(/** @type {KeyboardEvent} */ e) => step(e, table.current)}>
        <thead>
          <tr>
            <td></td>
            ${shown.map(
              (/** @type {number} */ j) =>
                html`
                  <th scope="col" title=${className(classes[j])}>
                    <span><${Swatch} color=${classes[j].color} />${className(classes[j])}</span>
                  </th>
                `,
            )}
            ${none && html`<th scope="col"><span>${t("没有预测", "none")}</span></th>`}
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            (/** @type {number} */ i) => html`
              <tr>
                <th scope="row"><${Swatch} color=${classes[i].color} />${className(classes[i])}</th>
                ${shown.map((/** @type {number} */ j) => cell(i, j))}
                ${none && cell(i, null)}
              </tr>
            `,
          )}
        </tbody>
      </table>
    </div>
  `;
}

/**
 * Arrow keys go from cell to cell, over those without pixels.
 * @param {KeyboardEvent} event @param {HTMLElement | null} table
 */
function step(event, table) {
  const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const from = /** @type {HTMLElement} */ (event.target).dataset.place;
  if (!by || !from || !table) return;
  event.preventDefault();
  let [row, column] = from.split(" ").map(Number);
  for (let k = 0; k < table.querySelectorAll("tbody tr").length + 1; k += 1) {
    [row, column] = [row + by[0], column + by[1]];
    const next = /** @type {HTMLElement | null} */ (table.querySelector(`[data-place="${row} ${column}"]`));
    if (next) return next.focus();
  }
}

/**
 * @param {{value: number, of: number, same: boolean, title: string, address: string, place: string,
 *   reached: boolean}} props
 *   `reached`: by the tab key; the others by arrow keys.
 */
function Cell({ value, of, same, title, address, place, reached }) {
  const share = of ? value / of : 0;
  const color = same ? "var(--good)" : "var(--failed)";
  const strength = value === 0 ? 0 : 8 + 37 * Math.sqrt(share);
  const words = `${title}: ${t(`${count(value)} 像素`, many(value, "pixel"))} (${percent(share, 2)})`;
  const text = share >= 0.005 ? (share * 100).toFixed(share >= 0.0995 ? 0 : 1) : "";
  return html`
    <td class=${same ? "same" : ""} title=${words}
      style=${{ background: strength ? `color-mix(in srgb, ${color} ${strength.toFixed(0)}%, var(--surface))` : "" }}>
      ${
        value > 0 &&
        html`
          <a href=${address} aria-label=${`${text} ${words}`.trim()} data-place=${place}
            tabindex=${reached ? 0 : -1}>${text}</a>
        `
      }
    </td>
  `;
}

/** @param {{task: string, model: any, rows: any[]}} props */
const Worst = ({ task, model, rows }) => html`
  <div class="table-box tall dense">
    <${Table}
      rows=${rows}
      address=${(/** @type {any} */ r) => picturesOf(task, { m: model.number, n: r.number })}
      columns=${[
        { head: t("图片", "Picture"), cell: (/** @type {any} */ r) => r.name },
        { head: t("轨迹", "Track"), cell: (/** @type {any} */ r) => r.track, class: "text" },
        { head: "mIoU", num: true, cell: (/** @type {any} */ r) => meter(r.mious[model.number - 1]) },
      ]}
    />
  </div>
`;

/** @param {{task: string, model: any, rows: any[]}} props */
const Tracks = ({ task, model, rows }) => html`
  <${Table}
    rows=${rows}
    address=${(/** @type {any} */ r) => picturesOf(task, { m: model.number, tr: r.track })}
    columns=${[
      { head: t("轨迹", "Track"), cell: (/** @type {any} */ r) => r.track, class: "text" },
      { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ r) => count(r.pictures) },
      { head: "mIoU", num: true, cell: (/** @type {any} */ r) => meter(r.miou) },
      { head: t("像素准确率", "Accuracy"), num: true, cell: (/** @type {any} */ r) => percent(r.pixel_accuracy) },
    ]}
  />
`;

/** @param {number | null} value */
const meter = (value) => html`<${Meter} value=${value} text=${score(value)} />`;
