// @ts-check
/** What the kinds of jobs are called. */

import { t } from "../i18n.js";

/** @type {Record<string, () => string>} */
const NAMES = {
  create_data: () => t("生成数据", "Dataset"),
  create_net: () => t("创建网络", "Network"),
  train: () => t("训练", "Training"),
  evaluate: () => t("评估", "Evaluation"),
  release: () => t("发布", "Release"),
  rehearsal: () => t("自检", "Rehearsal"),
};

/** @param {string} kind */
export const kindName = (kind) => NAMES[kind]?.() ?? kind;
