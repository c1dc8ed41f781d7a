// @ts-check
/** The report of an evaluation: a headline for each model, then every class. */

import { ClassName, Meter, shortModel } from "../components/classes.js";
import { Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, percent, score, t } from "../i18n.js";
import { html, useState } from "../lib.js";

/** @param {{report: any}} props */
export function Report({ report }) {
  const models = report.models.filter((/** @type {any} */ m) => m.labelled_pictures > 0);
  return html`
    <div class="stack">
      <div class="cards">
        ${models.map((/** @type {any} */ m) => html`<${Headline} model=${m} best=${best(models)} />`)}
      </div>
      ${models.map(
        (/** @type {any} */ m) =>
          html`<${Classes} model=${m} others=${models.filter((/** @type {any} */ o) => o !== m)} />`,
      )}
      ${models
        .filter((/** @type {any} */ m) => m.matching)
        .map((/** @type {any} */ m) => html`<${Matching} model=${m} />`)}
    </div>
  `;
}

/** @param {any[]} models */
const best = (models) => Math.max(...models.map((m) => m.miou ?? 0));

/** @param {{model: any, best: number}} props */
const Headline = ({ model, best: top }) => html`
  <${Panel} class="headline">
    <h3 class="wrap">${shortModel(model.name)}</h3>
    <div class="row">
      <span class="big">${score(model.miou)}</span>
      <span class="quiet">mIoU</span>
      ${
        model.miou === top && html`<span class="chip good"><span aria-hidden="true">✓</span>${t("最好", "best")}</span>`
      }
    </div>
    <dl class="facts small">
      <div><dt>${t("像素准确率", "Pixel accuracy")}</dt><dd>${percent(model.pixel_accuracy, 2)}</dd></div>
      <div><dt>${t("类别准确率", "Class accuracy")}</dt><dd>${percent(model.class_accuracy, 2)}</dd></div>
      <div><dt>${t("逐图 mIoU", "mIoU by picture")}</dt><dd>${score(model.image_miou)}</dd></div>
      <div>
        <dt title=${t("把忽略区域上的预测也算作错误", "Predictions on ignored pixels count as wrong")}>
          ${t("含忽略区误报", "with void as wrong")}
        </dt>
        <dd>${score(model.miou_void_fp)}</dd>
      </div>
      <div>
        <dt title=${t("轮廓附近（对角线的 2 %）的 IoU", "IoU within 2 % of the diagonal of outlines")}>
          ${t("轮廓 IoU", "Boundary IoU")}
        </dt>
        <dd>${score(model.boundary_miou)}</dd>
      </div>
      <div>
        <dt title=${t("置信度与正确率之差", "How far confidence is from the share of right pixels")}>
          ${t("校准误差 ECE", "Calibration error (ECE)")}
        </dt>
        <dd>${score(model.ece)}</dd>
      </div>
      <div><dt>${t("有标注的图片", "Labelled pictures")}</dt><dd>${count(model.labelled_pictures)}</dd></div>
    </dl>
  <//>
`;

/** @param {{model: any, others: any[]}} props */
function Classes({ model, others }) {
  const [order, setOrder] = useState("id");
  const total = model.classes.reduce((/** @type {number} */ sum, /** @type {any} */ c) => sum + c.truth_pixels, 0);
  const rows = order === "id" ? model.classes : [...model.classes].sort((a, b) => (a.iou ?? 2) - (b.iou ?? 2));
  const aside = html`
    <div class="segmented" role="group" aria-label=${t("排序", "Order")}>
      <button type="button" aria-pressed=${String(order === "id")} onClick=${() => setOrder("id")}>
        ${t("按编号", "By id")}
      </button>
      <button type="button" aria-pressed=${String(order === "iou")} onClick=${() => setOrder("iou")}>
        ${t("最差在前", "Worst first")}
      </button>
    </div>
  `;
  return html`
    <${Panel} title=${shortModel(model.name)} aside=${aside} flush>
      <div class="dense"><${Table} rows=${rows} columns=${columns(total, others)} /></div>
    <//>
  `;
}

/** @param {number} total @param {any[]} others */
const columns = (total, others) => [
  { head: "train id", num: true, cell: (/** @type {any} */ c) => c.train_id },
  { head: t("类别", "Class"), cell: (/** @type {any} */ c) => html`<${ClassName} of=${c} />`, class: "nowrap" },
  { head: "IoU", num: true, cell: (/** @type {any} */ c) => html`<${Meter} value=${c.iou} text=${score(c.iou)} />` },
  ...others.map((other) => ({
    head: t(`相对 ${shortModel(other.name)}`, `vs ${shortModel(other.name)}`),
    num: true,
    cell: (/** @type {any} */ c) => difference(c, other),
  })),
  { head: t("精确率", "Precision"), num: true, cell: (/** @type {any} */ c) => score(c.precision) },
  { head: t("召回率", "Recall"), num: true, cell: (/** @type {any} */ c) => score(c.recall) },
  {
    head: t("真值像素", "True pixels"),
    num: true,
    cell: (/** @type {any} */ c) =>
      c.truth_pixels ? count(c.truth_pixels) : html`<span class="faint">${t("没有", "none")}</span>`,
  },
  {
    head: t("占比", "Share"),
    num: true,
    cell: (/** @type {any} */ c) => percent(c.truth_pixels / Math.max(1, total), 2),
  },
  { head: t("预测像素", "Predicted pixels"), num: true, cell: (/** @type {any} */ c) => count(c.predicted_pixels) },
];

/**
 * How the classes of the labels and the model's belong together; those that are the same last.
 * @param {{model: any}} props
 */
function Matching({ model }) {
  const other = model.matching.filter((/** @type {any} */ line) => line.how !== "same");
  const same = model.matching.length - other.length;
  const title = t(`类别对应：${shortModel(model.name)}`, `Classes of the labels and of ${shortModel(model.name)}`);
  const text = t(`${count(same)} 个类别的编号与名称都相同。`, `${count(same)} classes have the same id and name.`);
  return html`
    <${Panel} title=${title}>
      <p>${text}</p>
      ${other.length > 0 && html`<div class="dense"><${Table} rows=${other} columns=${matched()} /></div>`}
    <//>
  `;
}

const matched = () => [
  { head: t("标注", "Label"), cell: (/** @type {any} */ m) => side(m.data_id, m.data_zh, m.data_en), class: "nowrap" },
  {
    head: t("模型", "Model"),
    cell: (/** @type {any} */ m) => side(m.model_id, m.model_zh, m.model_en),
    class: "nowrap",
  },
  { head: "", cell: (/** @type {any} */ m) => HOW()[/** @type {keyof ReturnType<typeof HOW>} */ (m.how)] },
];

const HOW = () => ({
  mapped: t("按 mapping 对应", "mapped by request"),
  ignored: t("按 mapping 忽略", "ignored by request"),
  only_data: t("只有标注有：像素被忽略", "only in the labels: its pixels are ignored"),
  only_model: t("只有模型有", "only in the model"),
});

/** @param {number | null} id @param {string} zh @param {string} en */
const side = (id, zh, en) =>
  id == null ? html`<span class="faint">–</span>` : html`<span class="mono">${id}</span> ${t(zh || en, en || zh)}`;

/** How much better or worse than another model. @param {any} c @param {any} other */
function difference(c, other) {
  const same = other.classes.find((/** @type {any} */ o) => o.name_en === c.name_en && o.name_zh === c.name_zh);
  if (c.iou == null || same?.iou == null) return html`<span class="faint">–</span>`;
  const change = c.iou - same.iou;
  return html`
    <span class=${change < -0.0005 ? "bad" : change > 0.0005 ? "better" : "faint"}>
      ${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(3)}
    </span>
  `;
}
