// @ts-check
/** The kinds of jobs: what they are called and where on the page they are shown. */

import { t } from "../i18n.js";
import { to } from "../router.js";

/** @type {Record<string, [string, () => string]>} kind -> place, name */
const KINDS = {
  create_data: ["datasets", () => t("生成数据", "Dataset")],
  create_net: ["networks", () => t("创建网络", "Network")],
  add_net: ["networks", () => t("检查网络", "Check of a network")],
  train: ["training", () => t("训练", "Training")],
  evaluate: ["evaluation", () => t("评估", "Evaluation")],
  release: ["release", () => t("发布", "Release")],
  convert: ["engines", () => t("转换引擎", "Conversion")],
  offimport: ["import", () => t("导入", "Import")],
  unpack: ["jobs", () => t("解包上传", "Unpacking of an upload")],
  import_preview: ["jobs", () => t("导入预览", "Preview of an import")],
  health: ["jobs", () => t("源数据体检", "Health of a source set")],
  index: ["jobs", () => t("读取标注", "Reading of labels")],
  rework: ["jobs", () => t("送返工", "Sending to rework")],
  sample: ["selection", () => t("随机抽图", "Random selection")],
  select: ["selection", () => t("自动挑图", "Selection")],
  task_divide: ["jobs", () => t("任务包生成", "Packages")],
  process_label: ["jobs", () => t("任务包发布", "Returned labels")],
  linedown: ["jobs", () => t("在线下载", "Download of labels")],
  push_package: ["jobs", () => t("任务包交付", "Handing over of a package")],
  demo_pictures: ["jobs", () => t("绘制演示图片", "Demo pictures")],
  measure: ["jobs", () => t("统计磁盘", "Count of the disk")],
  rehearsal: ["jobs", () => t("自检", "Rehearsal")],
};

/** @param {string} kind */
export const kindName = (kind) => KINDS[kind]?.[1]() ?? kind;

/** Where a job is shown. @param {{kind: string, task_id: string}} job */
export const addressOf = (job) => to(KINDS[job.kind]?.[0] ?? "jobs", job.task_id);
