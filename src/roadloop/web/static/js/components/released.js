// @ts-check
/** The mIoU that a release is judged by, and what it was measured on. */

import { count, score, t } from "../i18n.js";

/** That of the evaluation that the release quotes, else that of its validation. @param {any} metrics */
export const releasedMiou = (metrics) => score(metrics?.evaluation_miou ?? metrics?.training?.miou);

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
      `${metrics.evaluation_sour_dir}, ${count(metrics.evaluation_pictures)} pictures`,
    )
  );
}
