// @ts-check
/** The mIoU that a release is judged by, and what it was measured on. */

import { count, many, score, t } from "../i18n.js";
import { html } from "../lib.js";
import { Difference } from "./difference.js";

/** That of the evaluation that the release quotes, else that of its validation. @param {any} metrics */
export const releasedMiou = (metrics) => score(miouOf(metrics));

/** The same as a number, null where there is none. @param {any} metrics @returns {number | null} */
const miouOf = (metrics) => metrics?.evaluation_miou ?? metrics?.training?.miou ?? null;

/** Where a release serves, by name. @param {any} r */
export const placeOf = (r) =>
  r.adcode === "0" ? t("各地", "everywhere") : html`${r.place || t("不在代码表中", "not in the list")} ${r.adcode}`;

/** What changed against the release before it at the same place. @param {{now: any, before: any}} props */
export function Against({ now, before }) {
  if (!before) return html`<span class="faint">${t("第一个", "the first")}</span>`;
  const same = measuredOn(now.metrics) === measuredOn(before.metrics);
  return html`
    ${
      same
        ? html`<${Difference} value=${miouOf(now.metrics)} from=${miouOf(before.metrics)} />`
        : html`<span class="small faint">${t("测的图片不同，不可比", "measured on other pictures")}</span>`
    }
    <div class="small faint">${t(`之前 ${before.version}`, `before: ${before.version}`)}</div>
  `;
}

/** What a release's mIoU was measured on. @param {any} metrics */
export function measuredOn(metrics) {
  if (metrics?.evaluation_miou == null)
    return metrics?.training?.miou == null ? "" : t("训练时的验证成绩", "validation while training");
  if (metrics.evaluation_sour_dir == null) return t("最近一次评估", "newest evaluation");
  const which = metrics.evaluation_task_id
    ? t(`评估 ${metrics.evaluation_task_id.slice(0, 8)}：`, `evaluation ${metrics.evaluation_task_id.slice(0, 8)}: `)
    : "";
  return (
    which +
    t(
      `${metrics.evaluation_sour_dir}，${count(metrics.evaluation_pictures)} 张`,
      `${metrics.evaluation_sour_dir}, ${many(metrics.evaluation_pictures, "picture")}`,
    )
  );
}
