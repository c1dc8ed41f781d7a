// @ts-check
/** How sure each model was: by class, and the pictures where it was least sure. */

import { get } from "../api.js";
import { ClassName, Meter, shortModel } from "../components/classes.js";
import { Empty, Failure, Loading, Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { percent, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { picturesOf } from "./evaluation-viewer.js";

/** Pictures that are listed. */
const MANY = 50;

/** @param {{task: string, report: any}} props */
export function Confidence({ task, report }) {
  const known = report.models
    .map((/** @type {any} */ model, /** @type {number} */ k) => ({
      name: model.name,
      number: k + 1,
      known: "confidence" in model,
    }))
    .filter((/** @type {any} */ model) => model.known);
  const [chosen, setChosen] = useState(known[0]?.number ?? 0);
  if (!chosen)
    return html`
      <${Empty}>
        ${t(
          "这次评估由旧版本完成，没有统计置信度；请重新评估。",
          "This evaluation is from a version that did not count confidence; evaluate again.",
        )}
      <//>
    `;
  return html`
    <div class="stack">
      ${
        known.length > 1 &&
        html`
          <div class="segmented" role="group" aria-label=${t("模型", "Model")}>
            ${known.map(
              (/** @type {any} */ model) => html`
                <button type="button" aria-pressed=${String(model.number === chosen)}
                  onClick=${() => setChosen(model.number)}>
                  ${shortModel(model.name)}
                </button>
              `,
            )}
          </div>
        `
      }
      <${OfModel} key=${chosen} task=${task} model=${chosen} />
    </div>
  `;
}

/** @param {{task: string, model: number}} props */
function OfModel({ task, model }) {
  const [of, setOf] = useState(/** @type {any} */ (undefined)); // the class by which pictures are listed
  const { data, error, reload } = usePoll(
    (signal) =>
      get(
        `/v1/evaluations/${task}/models/${model}/confidence`,
        { order: "lowest", limit: MANY, ...(of && { train_id: of.train_id }) },
        signal,
      ),
    [task, model, of?.train_id],
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const { confidence, classes, pictures } = data.data;
  return html`
    <${Panel} title=${t("各类的平均置信度", "Mean confidence of the classes")} flush
      aside=${html`<span class="quiet">${t("全部像素", "All pixels")} <b>${percent(confidence, 2)}</b></span>`}>
      <div class="dense"><${Table} rows=${classes} columns=${byClass(of, setOf)} /></div>
      <p class="panel-text small faint">
        ${t(
          "模型预测为该类的像素上，它给出的概率的平均值；不需要标注。",
          "The mean of the probability that the model gives where it predicts the class; needs no labels.",
        )}
      </p>
    <//>
    <${Panel} flush
      title=${
        of
          ? t(`最没有把握的图片：${of.name_zh || of.name_en}`, `Least certain of ${of.name_en || of.name_zh}`)
          : t("最没有把握的图片", "Least certain pictures")
      }>
      <${Table} rows=${pictures} columns=${byPicture(of)}
        address=${(/** @type {any} */ p) => picturesOf(task, { n: p.number, m: model })}
        empty=${t("没有图片。", "No pictures.")} />
    <//>
  `;
}

/** @param {any} of @param {(one: any) => void} choose */
const byClass = (of, choose) => [
  { head: t("类别", "Class"), cell: (/** @type {any} */ c) => html`<${ClassName} of=${c} />`, class: "nowrap" },
  { head: "train id", num: true, cell: (/** @type {any} */ c) => c.train_id },
  {
    head: t("平均置信度", "Mean confidence"),
    num: true,
    cell: (/** @type {any} */ c) =>
      c.confidence == null
        ? html`<span class="faint">${t("没有预测", "never predicted")}</span>`
        : html`<${Meter} value=${c.confidence} text=${percent(c.confidence, 2)} />`,
  },
  {
    head: "",
    class: "actions",
    cell: (/** @type {any} */ c) =>
      c.confidence != null &&
      html`
        <button type="button" class="button small-button" aria-pressed=${String(of?.train_id === c.train_id)}
          onClick=${() => choose(of?.train_id === c.train_id ? undefined : c)}>
          ${t("最没有把握的", "Least certain")}
        </button>
      `,
  },
];

/** @param {any} of */
const byPicture = (of) => [
  { head: t("图片", "Picture"), cell: (/** @type {any} */ p) => p.name, class: "name-col" },
  { head: t("轨迹", "Track"), cell: (/** @type {any} */ p) => p.track, class: "text" },
  ...(of
    ? [
        {
          head: t("该类", "Of the class"),
          num: true,
          cell: (/** @type {any} */ p) => percent(p.classes[of.train_id], 2),
        },
      ]
    : []),
  { head: t("整张图片", "Whole picture"), num: true, cell: (/** @type {any} */ p) => percent(p.confidence, 2) },
];
