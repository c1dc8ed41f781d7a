// @ts-check
/** What is taken for what, and the pictures where a model does worst. */

import { get } from "../api.js";
import { className, shortModel, Swatch } from "../components/classes.js";
import { Failure, Loading, Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, percent, score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";

/** @param {{task: string, report: any, show: (number: number) => void}} props */
export function Confusion({ task, report, show }) {
  const labelled = report.models.flatMap((/** @type {any} */ m, /** @type {number} */ k) =>
    m.labelled_pictures > 0 ? [{ ...m, number: k + 1 }] : [],
  );
  const [number, setNumber] = useState(labelled[0].number);
  const model = labelled.find((/** @type {any} */ m) => m.number === number);
  const { data, error, reload } = usePoll(
    (signal) => get(`/v1/evaluations/${task}/models/${number}`, { worst: 24 }, signal),
    [task, number],
  );
  return html`
    <div class="stack">
      ${
        labelled.length > 1 &&
        html`
          <div class="segmented" role="group">
            ${labelled.map(
              (/** @type {any} */ m) =>
                html`
                  <button type="button" aria-pressed=${String(m.number === number)}
                    onClick=${() => setNumber(m.number)}>
                    ${shortModel(m.name)}
                  </button>
                `,
            )}
          </div>
        `
      }
      <${Failure} error=${error} retry=${reload} />
      ${
        !data
          ? !error && html`<${Loading} />`
          : html`
            <${Panel} title=${t("混淆矩阵", "Confusion matrix")}
              aside=${html`
                <span class="small faint">
                  ${t("行：真值；列：预测；按行归一", "rows: truth; columns: prediction; shares of the row")}
                </span>
              `}>
              <${Matrix} rows=${data.data.confusion} classes=${model.classes} />
            <//>
            <div class="two">
              <${Panel} title=${t("最差的图片", "Worst pictures")} flush>
                <${Worst} rows=${data.data.worst} show=${show} />
              <//>
              <${Panel} title=${t("按轨迹", "By track")} flush>
                <div class="table-box tall dense"><${Tracks} rows=${data.data.tracks} /></div>
              <//>
            </div>
          `
      }
    </div>
  `;
}

/** @param {{rows: number[][], classes: any[]}} props */
function Matrix({ rows, classes }) {
  const sums = rows.map((row) => row.reduce((sum, n) => sum + n, 0));
  const columns = rows.map((_, j) => rows.reduce((sum, row) => sum + row[j], 0));
  const shown = classes.map((_, i) => i).filter((i) => sums[i] > 0 || columns[i] > 0);
  return html`
    <div class="table-box">
      <table class="matrix">
        <thead>
          <tr>
            <td></td>
            ${shown.map(
              (j) =>
                html`
                  <th scope="col" title=${className(classes[j])}>
                    <span><${Swatch} color=${classes[j].color} />${className(classes[j])}</span>
                  </th>
                `,
            )}
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            (i) => html`
              <tr>
                <th scope="row"><${Swatch} color=${classes[i].color} />${className(classes[i])}</th>
                ${shown.map(
                  (j) =>
                    html`
                      <${Cell} value=${rows[i][j]} of=${sums[i]} same=${i === j}
                        title=${`${className(classes[i])} → ${className(classes[j])}`} />
                    `,
                )}
              </tr>
            `,
          )}
        </tbody>
      </table>
    </div>
  `;
}

/** @param {{value: number, of: number, same: boolean, title: string}} props */
function Cell({ value, of, same, title }) {
  const share = of ? value / of : 0;
  const color = same ? "var(--good)" : "var(--failed)";
  const strength = value === 0 ? 0 : 8 + 62 * Math.sqrt(share);
  return html`
    <td
      class=${same ? "same" : ""}
      title=${`${title}: ${t(`${count(value)} 像素`, `${count(value)} pixels`)} (${percent(share, 2)})`}
      style=${{ background: strength ? `color-mix(in srgb, ${color} ${strength.toFixed(0)}%, var(--surface))` : "" }}
    >${share >= 0.005 ? (share * 100).toFixed(share >= 0.0995 ? 0 : 1) : ""}</td>
  `;
}

/** @param {{rows: any[], show: (number: number) => void}} props */
const Worst = ({ rows, show }) => html`
  <div class="table-box tall dense">
    <${Table}
      rows=${rows}
      columns=${[
        {
          head: t("图片", "Picture"),
          cell: (/** @type {any} */ r) =>
            html`<button type="button" class="as-link wrap" onClick=${() => show(r.number)}>${r.name}</button>`,
        },
        { head: t("轨迹", "Track"), cell: (/** @type {any} */ r) => r.track, class: "text" },
        { head: "mIoU", num: true, cell: (/** @type {any} */ r) => score(r.image_miou) },
        { head: t("像素准确率", "Accuracy"), num: true, cell: (/** @type {any} */ r) => percent(r.pixel_accuracy) },
      ]}
    />
  </div>
`;

/** @param {{rows: any[]}} props */
const Tracks = ({ rows }) => html`
  <${Table}
    rows=${rows}
    columns=${[
      { head: t("轨迹", "Track"), cell: (/** @type {any} */ r) => r.track, class: "text" },
      { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ r) => count(r.pictures) },
      { head: "mIoU", num: true, cell: (/** @type {any} */ r) => score(r.miou) },
      { head: t("像素准确率", "Accuracy"), num: true, cell: (/** @type {any} */ r) => percent(r.pixel_accuracy) },
    ]}
  />
`;
