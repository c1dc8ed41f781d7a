// @ts-check
/** Training tasks side by side: curves over each other, best scores, every class, and where their recipes differ. */

import { get, query } from "../api.js";
import { Chart } from "../components/chart.js";
import { className } from "../components/classes.js";
import { Empty, Failure, Head, Loading, Panel } from "../components/layout.js";
import { StateChip } from "../components/state.js";
import { Table } from "../components/table.js";
import { aligned, best, differences, smoothed } from "../compare.js";
import { many, score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { learnName } from "../names.js";
import { usePoll } from "../poll.js";
import { setQuery, to } from "../router.js";

export const MOST = 8; // tasks; as many colours as there are

/** @typedef {{row: any, metrics: any, recipe: Record<string, any>}} One */

/** Where tasks are compared. @param {string[]} tasks */
export const comparison = (tasks) => `${to("training", "compare")}?tasks=${tasks.join(",")}`;

/**
 * A column of ticks for the list.
 * @param {string[]} ticked @param {(ids: string[]) => void} tick
 */
export const tickColumn = (ticked, tick) => ({
  head: t("比较", "Compare"),
  class: "nowrap",
  cell: (/** @type {any} */ row) => html`
    <label class="tick">
      <input type="checkbox" checked=${ticked.includes(row.task_id)}
        aria-label=${t(`比较 ${row.task_name}`, `Compare ${row.task_name}`)}
        disabled=${ticked.length >= MOST && !ticked.includes(row.task_id)}
        onChange=${() =>
          tick(ticked.includes(row.task_id) ? ticked.filter((id) => id !== row.task_id) : [...ticked, row.task_id])} />
    </label>
  `,
});

/** @param {{ticked: string[]}} props */
export const CompareLink = ({ ticked }) =>
  ticked.length > 1 &&
  html`
    <a class="button" data-act="compare" href=${comparison(ticked)}>
      ${t(`比较 ${ticked.length} 个任务`, `Compare ${many(ticked.length, "task")}`)}
    </a>
  `;

/** @param {string} id @param {AbortSignal} signal @returns {Promise<One>} */
async function load(id, signal) {
  const [row, metrics, train, data, maps] = await Promise.all([
    query("/train_history", { task_id: id }, signal),
    get(`/v1/tasks/${id}/metrics`, {}, signal),
    get("/train_configs", { task_id: id }, signal),
    get("/data_configs", { task_id: id }, signal),
    query("/maps", { task_id: id }, signal),
  ]);
  const { network, data: dataset, gpus } = row.data;
  const train_ids = Object.fromEntries(
    Object.entries(maps.data).map(([raw, [train_id, name]]) => [`label_map: ${raw} ${name}`, Number(train_id)]),
  );
  const { network_path: _n, output_path: _o, model: _m, ...con } = train.data;
  const { data_path: _d, ...pictures } = data.data;
  return {
    row: row.data,
    metrics: metrics.data,
    recipe: { network, data: dataset, gpus: gpus || "cpu", ...con, ...pictures, ...train_ids },
  };
}

/** @param {{route: import("../router.js").Route}} props */
export function TrainingCompare({ route }) {
  const ids = (route.query.tasks ?? "").split(",").filter(Boolean).slice(0, MOST);
  const { data, error, reload } = usePoll(
    (signal) => Promise.all(ids.map((id) => load(id, signal))),
    [ids.join(",")],
    (all) => (all.some(({ row }) => row.state === "running") ? 10_000 : 0),
  );
  learnName("compare", t("比较", "Comparison"));
  return html`
    <${Head} title=${t("比较训练任务", "Compare training tasks")}
      sub=${t("在训练列表中勾选任务；最多 8 个。", "Tick tasks in the list of trainings; up to 8.")}
      actions=${html`<a class="button" href=${to("training")}>${t("选择任务", "Choose tasks")}</a>`} />
    <${Failure} error=${error} retry=${reload} />
    ${
      ids.length === 0
        ? html`<${Empty}>${t("没有选择任务。", "No tasks are chosen.")}<//>`
        : !data
          ? !error && html`<${Loading} />`
          : html`<${Side} all=${data} route=${route} />`
    }
  `;
}

/** @param {number} i */
const color = (i) => `curve-${i + 1}`;

/** @param {{i: number, row: any}} props */
const Name = ({ i, row }) => html`
  <span class="compared"><span class=${`line-mark c${i + 1}`} aria-hidden="true"></span>${row.task_name}</span>
`;

/** @param {{all: One[], route: import("../router.js").Route}} props */
function Side({ all, route }) {
  const [smooth, setSmooth] = useState(Number(route.query.smooth ?? 0.6));
  const loss = lines(all, "steps", "loss");
  const miou = lines(all, "epochs", "miou");
  /** @param {number} share */
  const set = (share) => {
    setSmooth(share);
    setQuery({ smooth: String(share) });
  };
  return html`
    <div class="stack">
      <label class="row small">
        ${t("平滑", "Smoothing")}
        <input type="range" name="smooth" min="0" max="0.98" step="0.02" value=${smooth}
          onInput=${(/** @type {any} */ e) => set(Number(e.target.value))} />
        <span class="num">${smooth.toFixed(2)}</span>
        <span class="quiet">
          ${t(
            "在图上拖动以放大，双击恢复；指针所在的步，各任务的值写在图下。",
            "Drag over a curve to zoom, double click to see all; below it are all tasks' values at the pointer's step.",
          )}
        </span>
      </label>
      <div class="two">
        <${Panel} title=${t("损失", "Loss")}><${Curves} all=${all} lines=${loss} smooth=${smooth} name="loss" /><//>
        <${Panel} title=${t("验证 mIoU", "mIoU on val")}>
          <${Curves} all=${all} lines=${miou} smooth=${smooth > 0.9 ? 0.5 : 0} name="miou" />
        <//>
      </div>
      <${Panel} title=${t("最好成绩", "Best scores")} flush><${Scores} all=${all} /><//>
      <${Recipes} all=${all} />
      <${Panel} title=${t("各类 IoU（最好一轮）", "IoU by class (best epoch)")} flush><${ByClass} all=${all} /><//>
    </div>
  `;
}

/** @param {One[]} all @param {"steps" | "epochs"} part @param {string} key */
const lines = (all, part, key) =>
  all.map(({ metrics }) => {
    const points = metrics[part].filter((/** @type {any} */ one) => one[key] != null);
    return {
      x: points.map((/** @type {any} */ one) => one.step),
      values: points.map((/** @type {any} */ one) => one[key]),
    };
  });

/** @param {{all: One[], lines: import("../compare.js").Line[], smooth: number, name: string}} props */
function Curves({ all, lines: of, smooth, name }) {
  if (of.every((line) => line.x.length === 0))
    return html`<${Empty}>${t("这些任务还没有曲线。", "These tasks have no curve yet.")}<//>`;
  const { x, values } = aligned(of);
  return html`<${Chart}
    label=${name === "loss" ? t("损失曲线", "Loss curves") : t("mIoU 曲线", "mIoU curves")}
    xName=${t("步", "step")}
    x=${x}
    version=${smooth}
    together="compare"
    height=${280}
    curves=${all.map(({ row }, i) => ({ name: row.task_name, color: color(i), values: smoothed(values[i], smooth) }))}
  />`;
}

/** @param {One} one */
const bestEpoch = ({ row, metrics }) =>
  metrics.epochs.find((/** @type {any} */ epoch) => epoch.epoch === row.best?.epoch) ?? {};

/** @param {{all: One[]}} props */
function Scores({ all }) {
  const columns = [
    ["mIoU", all.map(({ row }) => row.best?.miou)],
    [t("像素准确率", "Pixel accuracy"), all.map((one) => bestEpoch(one).pixel_accuracy)],
    [t("轮廓 IoU", "Boundary IoU"), all.map((one) => bestEpoch(one).boundary_miou)],
    [t("逐图 mIoU", "mIoU by picture"), all.map((one) => bestEpoch(one).image_miou)],
  ];
  const numbered = all.map((one, i) => ({ ...one, i }));
  return html`
    <${Table} rows=${numbered} address=${(/** @type {One} */ one) => to("training", one.row.task_id)}
      columns=${[
        {
          head: t("任务", "Task"),
          class: "name-col",
          cell: (/** @type {One & {i: number}} */ one) => html`<${Name} i=${one.i} row=${one.row} />`,
        },
        { head: t("状态", "State"), cell: (/** @type {One} */ one) => html`<${StateChip} state=${one.row.state} />` },
        ...columns.map(([head, values]) => ({
          head,
          num: true,
          cell: (/** @type {One & {i: number}} */ one) => html`<${Value} values=${values} i=${one.i} />`,
        })),
        {
          head: t("最好一轮 / 已完成", "Best epoch / finished"),
          num: true,
          cell: (/** @type {One} */ one) => `${one.row.best?.epoch ?? "–"} / ${one.row.epoch}`,
        },
        {
          head: t("图片/秒", "Images/s"),
          num: true,
          cell: (/** @type {One} */ one) => one.row.images_per_second?.toFixed(1) ?? "–",
        },
      ]} />
  `;
}

/** @param {{values: (number | null | undefined)[], i: number}} props */
const Value = ({ values, i }) =>
  best(values)[i]
    ? html`<b class="best" title=${t("最高", "the highest")}>${score(values[i])} ▲</b>`
    : score(values[i]);

/** @param {{all: One[]}} props */
function Recipes({ all }) {
  const [whole, setWhole] = useState(false);
  const rows = differences(
    all.map(({ recipe }) => recipe),
    whole,
  );
  return html`
    <${Panel} flush title=${t("设置的不同", "Differences of the recipes")}
      aside=${html`
        <label class="check small">
          <input type="checkbox" checked=${whole} onChange=${() => setWhole(!whole)} />
          ${t("显示全部", "Show all")}
        </label>
      `}>
      <div class="dense recipes">
        <${Table} rows=${rows} empty=${t("设置完全相同。", "The recipes are the same.")}
          chosen=${(/** @type {any} */ r) => whole && r.differs}
          columns=${[
            { head: t("设置", "Setting"), cell: (/** @type {any} */ r) => html`<code>${r.key}</code>` },
            ...all.map(({ row }, i) => ({
              head: html`<${Name} i=${i} row=${row} />`,
              class: "text",
              cell: (/** @type {any} */ r) => html`<span class="mono">${text(r.values[i])}</span>`,
            })),
          ]} />
      </div>
    <//>
  `;
}

/** @param {any} value */
const text = (value) =>
  value == null || value === "" ? "–" : typeof value === "string" ? value : JSON.stringify(value);

/** Classes by name: the same number may mean another one. @param {{all: One[]}} props */
function ByClass({ all }) {
  /** @type {Map<string, {name: string, values: (number | null | undefined)[]}>} */
  const rows = new Map();
  all.forEach((one, i) => {
    const iou = bestEpoch(one).iou ?? [];
    for (const c of one.metrics.classes) {
      const row = rows.get(c.name_en) ?? { name: className(c), values: all.map(() => undefined) };
      row.values[i] = iou[c.train_id];
      rows.set(c.name_en, row);
    }
  });
  return html`
    <div class="dense">
      <${Table} rows=${[...rows.values()]} columns=${[
        { head: t("类别", "Class"), cell: (/** @type {any} */ r) => r.name },
        ...all.map(({ row }, i) => ({
          head: html`<${Name} i=${i} row=${row} />`,
          num: true,
          cell: (/** @type {any} */ r) => html`<${Value} values=${r.values} i=${i} />`,
        })),
      ]} />
    </div>
  `;
}
