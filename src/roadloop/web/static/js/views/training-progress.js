// @ts-check
/** How a training task goes: the strip, the curves, every class, the log. */

import { get } from "../api.js";
import { Chart } from "../components/chart.js";
import { className, Meter, Swatch } from "../components/classes.js";
import { attemptWords, Events, useEvents } from "../components/events.js";
import { Empty, Facts, Failure, Loading, Panel } from "../components/layout.js";
import { Log } from "../components/log.js";
import { Table } from "../components/table.js";
import { duration, percent, score, seconds, t } from "../i18n.js";
import { html, useEffect, useRef } from "../lib.js";
import { upToDate, useMoves } from "../live.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { Models } from "./training-models.js";

/** @typedef {{step: number, epoch: number, loss: number | null, lr: number}} Step */
/**
 * @typedef {{epoch: number, step: number, loss: number | null, miou: number | null, pixel_accuracy?: number | null,
 *   boundary_miou?: number | null, image_miou?: number | null, miou_void_fp?: number | null, ece?: number | null,
 *   iou?: (number | null)[]}} Epoch
 */

/** @typedef {{task: string, steps: Step[], epochs: Epoch[], classes: any[], next: string}} Curves */

const MOST_STEPS = 2000; // then they are read anew, thinned out

/**
 * What the curves have got since the last time.
 * @param {string} task @param {{current: Curves | undefined}} known @param {AbortSignal} signal
 * @returns {Promise<Curves>}
 */
async function readOn(task, known, signal) {
  const before = known.current?.task === task && known.current.steps.length < MOST_STEPS ? known.current : undefined;
  const { data } = await get(`/v1/tasks/${task}/metrics`, { since: before?.next }, signal);
  known.current =
    before && !data.whole
      ? {
          ...before,
          steps: [...before.steps, ...data.steps],
          epochs: [...before.epochs, ...data.epochs],
          next: data.next,
        }
      : { task, ...data };
  return /** @type {Curves} */ (known.current);
}

/** @param {{row: any}} props */
export function Progress({ row: asked }) {
  useMoves(asked.state === "running" ? [asked.task_id] : []);
  const row = upToDate(asked);
  const live = isLive(row);
  const known = useRef(/** @type {Curves | undefined} */ (undefined));
  const { data, error, reload } = usePoll(
    (signal) => readOn(row.task_id, known, signal),
    [row.task_id, live],
    () => whileLive(row),
  );
  useEffect(() => () => void (known.current = undefined), [row.task_id]);
  const events = useEvents(row);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const { steps, epochs, classes } = data;
  const newest = epochs.at(-1);
  return html`
    <div class="stack">
      <${Panel}><${Facts} of=${[...strip(row, steps, epochs), [t("尝试", "Attempts"), attemptWords(events)]]} /><//>
      <div class="two">
        <${Panel} title=${t("损失", "Loss")}><${LossCurve} steps=${steps} epochs=${epochs} /><//>
        <${Panel} title=${t("验证成绩", "Validation scores")}><${ScoreCurve} epochs=${epochs} /><//>
      </div>
      <div class="two">
        <${Panel} title=${t("各类 IoU", "IoU by class")} flush
          aside=${
            newest && html`<span class="small faint">${t(`第 ${newest.epoch} 轮`, `epoch ${newest.epoch}`)}</span>`
          }>
          <${Classes} epochs=${epochs} classes=${classes} />
        <//>
        <${Panel} title=${t("日志", "Log")} flush><${Log} task=${row.task_id} live=${live} /><//>
      </div>
      <${Models} row=${row} />
      <${Panel} title=${t("经过", "What happened")}><${Events} events=${events} /><//>
    </div>
  `;
}

/** @param {any} row @param {Step[]} steps @param {Epoch[]} epochs @returns {[any, any][]} */
function strip(row, steps, epochs) {
  const result = epochs.at(-1);
  const written = steps.at(-1); // not every step is
  const last = result && written && result.step > written.step ? { ...result, lr: undefined } : written;
  const best =
    row.best && row.best.epoch !== result?.epoch ? epochs.find((epoch) => epoch.epoch === row.best.epoch) : undefined;
  /** @param {"boundary_miou" | "image_miou" | "miou_void_fp" | "ece"} key */
  const both = (key) =>
    result?.[key] == null
      ? ""
      : html`
        ${score(result[key])}${
          best?.[key] != null && html` <span class="faint">${t("最好一轮", "best epoch")} ${score(best[key])}</span>`
        }
      `;
  return [
    [t("轮次", "Epoch"), html`<b>${row.epoch}</b> / ${row.iter_num ?? "–"}`],
    [t("步", "Step"), last?.step],
    [
      t("剩余", "Time left"),
      row.state === "running" ? (row.eta_seconds == null ? "…" : duration(row.eta_seconds)) : "",
    ],
    [t("已用", "Took"), row.started_at ? duration(seconds(row.started_at, row.finished_at)) : ""],
    [t("损失", "Loss"), last?.loss?.toFixed(4)],
    [t("学习率", "Rate"), last?.lr?.toPrecision(3)],
    ["mIoU", result?.miou == null ? "" : score(result.miou)],
    [t("像素准确率", "Pixel accuracy"), result?.pixel_accuracy == null ? "" : percent(result.pixel_accuracy)],
    [t("轮廓 IoU", "Boundary IoU"), both("boundary_miou")],
    [t("逐图 mIoU", "mIoU by picture"), both("image_miou")],
    [t("含忽略区误报", "mIoU, void as wrong"), both("miou_void_fp")],
    [t("校准误差 ECE", "Calibration error (ECE)"), both("ece")],
    [
      t("最好", "Best"),
      row.best &&
        html`
          <b>
            ${score(row.best.miou)}
          </b> <span class="faint">
            ${t(`第 ${row.best.epoch} 轮`, `epoch ${row.best.epoch}`)}
          </span>
        `,
    ],
    [t("最好的模型", "Best model"), row.best && html`<span class="mono">${row.best.file}</span>`],
    [t("设备", "Devices"), row.gpus ? `GPU ${row.gpus}` : "CPU"],
    [t("批", "Batch"), row.batch_size],
    [t("图片/秒", "Images/s"), row.images_per_second == null ? "" : row.images_per_second.toFixed(1)],
    [t("等待图片", "Waits for pictures"), row.loader_wait == null ? "" : percent(row.loader_wait)],
  ];
}

/** @param {{steps: Step[], epochs: Epoch[]}} props */
function LossCurve({ steps, epochs }) {
  if (steps.length === 0)
    return html`<${Empty}>${t("第一批结果出来后显示曲线。", "The curve begins with the first steps.")}<//>`;
  const means = new Map(epochs.map((epoch) => [epoch.step, epoch.loss]));
  const x = [...new Set([...steps.map((step) => step.step), ...means.keys()])].sort((a, b) => a - b);
  const losses = new Map(steps.map((step) => [step.step, step.loss]));
  return html`<${Chart}
    label=${t("损失曲线", "Loss curve")}
    xName=${t("步", "step")}
    x=${x}
    curves=${[
      { name: t("批损失", "loss of a step"), color: "curve-1", values: x.map((step) => losses.get(step) ?? null) },
      { name: t("每轮平均", "mean of an epoch"), color: "curve-2", values: x.map((step) => means.get(step) ?? null) },
    ]}
  />`;
}

/** @param {{epochs: Epoch[]}} props */
function ScoreCurve({ epochs }) {
  const measured = epochs.filter((epoch) => epoch.miou != null);
  if (measured.length === 0)
    return html`
      <${Empty}>
        ${
          epochs.length
            ? t("验证划分为空，没有成绩。", "The validation split is empty, so there are no scores.")
            : t("第一轮结束后显示成绩。", "Scores come with the end of the first epoch.")
        }
      <//>
    `;
  return html`<${Chart}
    label=${t("mIoU 曲线", "mIoU curve")}
    xName=${t("轮", "epoch")}
    range=${[0, 1]}
    x=${measured.map((epoch) => epoch.epoch)}
    curves=${[
      { name: "mIoU", color: "curve-1", values: measured.map((epoch) => epoch.miou) },
      {
        name: t("像素准确率", "pixel accuracy"),
        color: "curve-2",
        dash: [5, 4],
        values: measured.map((epoch) => epoch.pixel_accuracy ?? null),
      },
    ]}
  />`;
}

/** @param {{epochs: Epoch[], classes: any[]}} props */
function Classes({ epochs, classes }) {
  const measured = epochs.filter((epoch) => epoch.iou);
  const [last, before] = [measured.at(-1), measured.at(-2)];
  return html`
    <div class="dense table-box tall">
      <${Table}
        rows=${last ? classes : []}
        empty=${t("第一轮结束后显示。", "Comes with the end of the first epoch.")}
        columns=${[
          { head: "id", num: true, cell: (/** @type {any} */ c) => c.train_id },
          {
            head: t("类别", "Class"),
            cell: (/** @type {any} */ c) =>
              html`<span class="class-name">${c.color && html`<${Swatch} color=${c.color} />`}${className(c)}</span>`,
          },
          {
            head: "IoU",
            num: true,
            cell: (/** @type {any} */ c) =>
              html`<${Meter} value=${last?.iou?.[c.train_id]} text=${score(last?.iou?.[c.train_id])} />`,
          },
          {
            head: t("变化", "Change"),
            num: true,
            cell: (/** @type {any} */ c) =>
              html`<${Change} now=${last?.iou?.[c.train_id]} before=${before?.iou?.[c.train_id]} />`,
          },
          {
            head: t("走势", "Trend"),
            cell: (/** @type {any} */ c) =>
              html`<${Sparkline} values=${measured.map((epoch) => epoch.iou?.[c.train_id] ?? null)} />`,
          },
        ]}
      />
    </div>
  `;
}

/** @param {{now: number | null | undefined, before: number | null | undefined}} props */
function Change({ now, before }) {
  if (now == null || before == null) return html`<span class="faint">–</span>`;
  const change = now - before;
  return html`
    <span class=${change < -0.0005 ? "bad" : change > 0.0005 ? "better" : "faint"}>
      ${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(3)}
    </span>
  `;
}

/** A small line of values 0..1. @param {{values: (number | null)[]}} props */
function Sparkline({ values }) {
  const step = 72 / Math.max(1, values.length - 1);
  const points = values.flatMap((value, i) =>
    value == null ? [] : [`${(i * step).toFixed(1)},${(17 - value * 16).toFixed(1)}`],
  );
  return html`
    <svg class="sparkline" viewBox="0 0 72 18" aria-hidden="true"><polyline points=${points.join(" ")} /></svg>
  `;
}
