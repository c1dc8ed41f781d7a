// @ts-check
/** The report of an evaluation: a headline for each model, then every class, the models beside each other. */

import { className, ClassName, Meter, shortModel } from "../components/classes.js";
import { Difference } from "../components/difference.js";
import { Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, many, percent, score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { useReturn } from "../router.js";
import { picturesOf } from "./evaluation-viewer.js";

/** @typedef {{of: any, by: any[], truth: number}} Row  A class, what each model's report says of it, true pixels. */

/** @param {{task: string, report: any}} props */
export function Report({ task, report }) {
  const models = report.models
    .map((/** @type {any} */ m, /** @type {number} */ k) => ({ ...m, number: k + 1 }))
    .filter((/** @type {any} */ m) => m.labelled_pictures > 0);
  useReturn(true);
  return html`
    <div class="stack">
      <div class="cards">
        ${models.map(
          (/** @type {any} */ m) => html`<${Headline} model=${m} first=${models[0]} best=${best(models)} />`,
        )}
      </div>
      <${Classes} task=${task} models=${models} />
      ${models
        .filter((/** @type {any} */ m) => m.matching)
        .map((/** @type {any} */ m) => html`<${Matching} model=${m} />`)}
    </div>
  `;
}

/** @param {any[]} models */
const best = (models) => Math.max(...models.map((m) => m.miou ?? 0));

/** @param {{model: any, first: any, best: number}} props */
const Headline = ({ model, first, best: top }) => html`
  <${Panel} class="headline">
    <h2 class="wrap">${shortModel(model.name)}</h2>
    <div class="row">
      <span class="big">${score(model.miou)}</span>
      <span class="quiet">mIoU</span>
      ${model !== first && html`<${Difference} value=${model.miou} from=${first.miou} />`}
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

/** @param {{task: string, models: any[]}} props */
function Classes({ task, models }) {
  const [order, setOrder] = useState("id");
  const [more, setMore] = useState(models.length === 1);
  const rows = rowsOf(models);
  const orders = [
    ["id", t("按编号", "By id")],
    ["iou", t("最差在前", "Worst first")],
    ...(models.length > 1 ? [["change", t("变化大的在前", "Most changed first")]] : []),
  ];
  const aside = html`
    <div class="segmented" role="group" aria-label=${t("排序", "Order")}>
      ${orders.map(
        ([name, words]) => html`
          <button type="button" data-order=${name} aria-pressed=${String(order === name)}
            onClick=${() => setOrder(name)}>
            ${words}
          </button>
        `,
      )}
    </div>
    <button type="button" class="button" aria-pressed=${String(more)} onClick=${() => setMore(!more)}>
      ${t("精确率、召回率与像素", "Precision, recall and pixels")}
    </button>
  `;
  return html`
    <${Panel} title=${t("各类成绩", "Scores of the classes")} aside=${aside} flush>
      <div class="dense">
        <${Table} rows=${sorted(rows, order)} columns=${columns(task, models, rows, more)}
          address=${(/** @type {Row} */ row) => worstOf(task, models, row, row.by.findIndex(Boolean))} />
      </div>
      <p class="panel-text small faint">
        ${t("点开一类，从最差的图片看起。", "Open a class to see its pictures, the worst first.")}
        ${
          models.length > 1 &&
          t(` 差值相对于 ${shortModel(models[0].name)}。`, ` Differences are from ${shortModel(models[0].name)}.`)
        }
      </p>
    <//>
  `;
}

/** The classes of all models, those of the same name in one row. @param {any[]} models @returns {Row[]} */
function rowsOf(models) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  models.forEach((model, k) => {
    for (const one of model.classes) {
      const name = JSON.stringify([one.name_en, one.name_zh]);
      const row = rows.get(name) ?? { of: one, by: models.map(() => null), truth: 0 };
      row.by[k] = one;
      row.truth = Math.max(row.truth, one.truth_pixels);
      rows.set(name, row);
    }
  });
  return [...rows.values()];
}

/** @param {Row[]} rows @param {string} order */
function sorted(rows, order) {
  const iou = (/** @type {Row} */ { by }) => Math.min(...by.map((one) => one?.iou ?? 2));
  const change = (/** @type {Row} */ { by }) =>
    Math.max(...by.map((one) => (one?.iou == null || by[0]?.iou == null ? -1 : Math.abs(one.iou - by[0].iou))));
  if (order === "iou") return [...rows].sort((x, y) => iou(x) - iou(y));
  return order === "change" ? [...rows].sort((x, y) => change(y) - change(x)) : rows;
}

/**
 * The worst pictures of a class in one of the models.
 * @param {string} task @param {any[]} models @param {Row} row @param {number} k
 */
const worstOf = (task, models, row, k) =>
  picturesOf(task, { m: models[k].number, c: row.by[k].train_id, ...(k > 0 ? { v: models[0].number } : {}) });

/** @param {string} task @param {any[]} models @param {Row[]} rows @param {boolean} more */
function columns(task, models, rows, more) {
  const total = rows.reduce((sum, row) => sum + row.truth, 0);
  const several = models.length > 1;
  /** @param {any} model @param {any} words */
  const head = (model, words) => (several ? html`${shortModel(model.name)}<br />${words}` : words);
  /** @param {string} words @param {(one: any) => any} cell */
  const figures = (words, cell) =>
    models.map((model, k) => ({
      head: head(model, words),
      num: true,
      cell: (/** @type {Row} */ { by }) => (by[k] ? cell(by[k]) : html`<span class="faint">–</span>`),
    }));
  return [
    {
      head: t("类别", "Class"),
      cell: (/** @type {Row} */ row) => html`<${ClassName} of=${row.of} />`,
      class: "nowrap",
    },
    { head: "train id", num: true, cell: (/** @type {Row} */ row) => row.of.train_id },
    {
      head: t("占比", "Share"),
      num: true,
      cell: (/** @type {Row} */ row) =>
        row.truth ? percent(row.truth / Math.max(1, total), 2) : html`<span class="faint">${t("没有", "none")}</span>`,
    },
    ...models.map((model, k) => ({
      head: head(model, "IoU"),
      num: true,
      cell: (/** @type {Row} */ row) => html`<${Iou} task=${task} models=${models} row=${row} k=${k} />`,
    })),
    ...(more
      ? [
          ...figures(t("轮廓 IoU", "Boundary IoU"), (one) => score(one.boundary_iou)),
          ...figures(t("精确率", "Precision"), (one) => score(one.precision)),
          ...figures(t("召回率", "Recall"), (one) => score(one.recall)),
          { head: t("真值像素", "True pixels"), num: true, cell: (/** @type {Row} */ row) => count(row.truth) },
          ...figures(t("预测像素", "Predicted pixels"), (one) => count(one.predicted_pixels)),
        ]
      : []),
  ];
}

/** @param {{task: string, models: any[], row: Row, k: number}} props */
function Iou({ task, models, row, k }) {
  const one = row.by[k];
  if (!one) return html`<span class="faint">–</span>`;
  const meter = html`<${Meter} value=${one.iou} text=${score(one.iou)} />`;
  if (k === 0) return meter;
  const label = t(
    `${score(one.iou)} ${className(row.of)}：${shortModel(models[k].name)} 最差的图片`,
    `${score(one.iou)} ${className(row.of)}: worst pictures of ${shortModel(models[k].name)}`,
  );
  return html`
    <${Difference} value=${one.iou} from=${row.by[0]?.iou} />
    ${" "}<a href=${worstOf(task, models, row, k)} aria-label=${label}>${meter}</a>
  `;
}

/**
 * How the classes of the labels and the model's belong together; those that are the same last.
 * @param {{model: any}} props
 */
function Matching({ model }) {
  const other = model.matching.filter((/** @type {any} */ line) => line.how !== "same");
  const same = model.matching.length - other.length;
  const title = t(`类别对应：${shortModel(model.name)}`, `Classes of the labels and of ${shortModel(model.name)}`);
  const text = t(
    `${count(same)} 个类别的编号与名称都相同。`,
    `${many(same, "class has", "classes have")} the same id and name.`,
  );
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
