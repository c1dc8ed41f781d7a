// @ts-check
/** The state of a job: a word, a sign and a colour, never the colour alone. */

import { act } from "../api.js";
import { duration, many, percent, t } from "../i18n.js";
import { html } from "../lib.js";
import { upToDate, useMoves } from "../live.js";
import { isLive } from "../poll.js";
import { ConfirmButton } from "./layout.js";

/**
 * What every row of a history says about its job.
 * @typedef {{task_id: string, state: string, progress: number, eta_seconds: number | null, note: string | null,
 *   reason: string | null, warnings: string[], stopping: boolean, created_at: string, started_at: string | null,
 *   finished_at: string | null, host: string | null}} JobFields
 */

/** @type {Record<string, () => [string, string, string]>} sign, word, colour */
export const STATES = {
  created: () => ["○", t("未开始", "not started"), "waiting"],
  queued: () => ["◔", t("等待中", "waiting"), "waiting"],
  running: () => ["▶", t("进行中", "running"), "running"],
  stopping: () => ["◧", t("正在停止", "stopping"), "waiting"],
  succeeded: () => ["✓", t("完成", "done"), "good"],
  failed: () => ["✕", t("失败", "failed"), "failed"],
  cancelled: () => ["■", t("已停止", "stopped"), "waiting"],
};

/** A job that runs and was asked to stop is stopping. @param {{state: string, stopping?: boolean}} job */
export const stateOf = (job) => (job.state === "running" && job.stopping ? "stopping" : job.state);

/** @param {{state: string}} props */
export function StateChip({ state }) {
  const [sign, word, color] = (STATES[state] ?? (() => ["?", state, "waiting"]))();
  return html`<span class=${`chip ${color}`}><span aria-hidden="true">${sign}</span>${word}</span>`;
}

/** @param {{share: number, label: string}} props */
export const ProgressBar = ({ share, label }) => html`
  <span
    class="bar"
    role="progressbar"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${Math.round(share * 100)}
  >
    <span style=${{ width: `${share * 100}%` }}></span>
  </span>
`;

/** How far, how long still, and why not further. @param {{job: JobFields, wide?: boolean}} props */
export function JobState({ job: row, wide = false }) {
  useMoves(row.state === "running" ? [row.task_id] : []);
  const job = upToDate(row);
  const running = job.state === "running";
  const words =
    stateOf(job) === "stopping"
      ? t("正在保存检查点并结束进程，最多十秒。", "A checkpoint is saved and its processes end, within ten seconds.")
      : (job.reason ?? (running ? job.note : null));
  return html`
    <div class=${`job-state ${wide ? "wide" : ""}`}>
      <div class="row nowrap-row">
        <${StateChip} state=${stateOf(job)} />
        ${running && html`<${ProgressBar} share=${job.progress} label=${t("进度", "Progress")} />`}
        ${running && html`<span class="small nowrap"><b>${percent(job.progress)}</b>${left(job)}</span>`}
        ${wide && job.host && html`<span class="small quiet">${t(`在 ${job.host} 上`, `on ${job.host}`)}</span>`}
        ${!running && job.warnings.length > 0 && html`<${WarningCount} texts=${job.warnings} />`}
      </div>
      ${
        words &&
        html`
          <div class=${`small wrap reason ${job.state === "failed" ? "bad" : "quiet"}`} title=${words}>${words}</div>
        `
      }
    </div>
  `;
}

/** @param {JobFields} job */
const left = (job) =>
  job.eta_seconds == null
    ? ""
    : html`<span class="quiet"> · ${t(`剩 ${duration(job.eta_seconds)}`, `${duration(job.eta_seconds)} left`)}</span>`;

/** @param {{texts: string[]}} props */
const WarningCount = ({ texts }) => html`
  <span class="chip warn" title=${texts.join("\n")}>
    <span aria-hidden="true">
      ⚠
    </span>${t(`${texts.length} 条提醒`, many(texts.length, "warning"))}
  </span>
`;

/** Stops a job that has not ended; nothing for the others. @param {{job: JobFields, done?: () => void}} props */
export const StopButton = ({ job, done }) =>
  isLive(job) &&
  !job.stopping &&
  html`
    <${ConfirmButton}
      calls="/v1/jobs/{task_id}/cancel"
      class="small-button"
      label=${t("停止", "Stop")}
      sure=${t("确定停止？", "Really stop?")}
      run=${() => act(`/v1/jobs/${job.task_id}/cancel`).then(done)}
    />
  `;
