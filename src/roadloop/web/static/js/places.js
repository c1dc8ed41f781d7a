// @ts-check
/** The places of the page: one table from routes to views. */

import { t } from "./i18n.js";
import { useName } from "./names.js";
import { to } from "./router.js";
import { AnnotationList } from "./views/annotation-list.js";
import { AnnotationNew } from "./views/annotation-new.js";
import { AnnotationPage } from "./views/annotation.js";
import { DatasetList, DatasetNew, DatasetPage } from "./views/datasets.js";
import { DiskPage } from "./views/disk.js";
import { EvaluationList, EvaluationNew, EvaluationPage } from "./views/evaluations.js";
import { GpuPage } from "./views/gpus.js";
import { ImportList } from "./views/import-list.js";
import { ImportLook } from "./views/import-look.js";
import { ImportOne } from "./views/import-one.js";
import { JobList, JobPage } from "./views/jobs.js";
import { NetworkList, NetworkNew, NetworkPage } from "./views/networks.js";
import { Nowhere } from "./views/nowhere.js";
import { Overview } from "./views/overview.js";
import { ReleaseNew } from "./views/release-new.js";
import { ReleaseOne } from "./views/release-one.js";
import { ReleasePage } from "./views/releases.js";
import { SelectionList } from "./views/selection-list.js";
import { SelectionNew } from "./views/selection-new.js";
import { SelectionPage } from "./views/selection.js";
import { SourceList, SourcePage } from "./views/sources.js";
import { TrainingList } from "./views/training-list.js";
import { TrainingNew } from "./views/training-new.js";
import { TrainingPage } from "./views/training.js";
import { TrashPage } from "./views/trash.js";

/**
 * Jobs that have not ended.
 * @typedef {(import("./components/state.js").JobFields & {kind: string, title: string})[]} Active
 */
/**
 * @typedef {object} Place
 * @property {string} path
 * @property {boolean} loop Whether it is a stage of the loop.
 * @property {string[]} kinds Kinds of jobs that are counted here.
 * @property {() => string} name
 * @property {any} list
 * @property {any} [make] What stands at `<path>/new`.
 * @property {() => string} [making]
 * @property {any} [one] What stands at `<path>/<id>`.
 * @property {boolean} [wide]
 * @property {string} [under] The place whose entry of the rail stands for this one too.
 */

/** @type {Place[]} */
export const PLACES = [
  {
    path: "import",
    loop: true,
    kinds: ["offimport", "import_preview", "unpack", "health", "demo_pictures"],
    name: () => t("导入", "Import"),
    list: ImportList,
    make: ImportLook,
    making: () => t("导入之前", "Before the import"),
    one: ImportOne,
  },
  {
    path: "sources",
    loop: false,
    kinds: [],
    name: () => t("源数据", "Source sets"),
    list: SourceList,
    one: SourcePage,
    under: "import",
  },
  {
    path: "datasets",
    loop: true,
    kinds: ["create_data"],
    name: () => t("数据", "Datasets"),
    list: DatasetList,
    make: DatasetNew,
    making: () => t("生成数据", "New dataset"),
    one: DatasetPage,
  },
  {
    path: "networks",
    loop: true,
    kinds: ["create_net", "add_net"],
    name: () => t("网络", "Networks"),
    list: NetworkList,
    make: NetworkNew,
    making: () => t("创建网络", "New network"),
    one: NetworkPage,
  },
  {
    path: "training",
    loop: true,
    kinds: ["train"],
    name: () => t("训练", "Training"),
    list: TrainingList,
    make: TrainingNew,
    making: () => t("新训练任务", "New training task"),
    one: TrainingPage,
  },
  {
    path: "evaluation",
    loop: true,
    kinds: ["evaluate"],
    name: () => t("评估", "Evaluation"),
    list: EvaluationList,
    make: EvaluationNew,
    making: () => t("开始评估", "New evaluation"),
    one: EvaluationPage,
    wide: true,
  },
  {
    path: "release",
    loop: true,
    kinds: ["release"],
    name: () => t("发布", "Release"),
    list: ReleasePage,
    make: ReleaseNew,
    making: () => t("发布模型", "Release a model"),
    one: ReleaseOne,
  },
  {
    path: "selection",
    loop: true,
    kinds: ["sample", "select"],
    name: () => t("挑图", "Selection"),
    list: SelectionList,
    make: SelectionNew,
    making: () => t("从轨迹挑图", "Choose pictures"),
    one: SelectionPage,
  },
  {
    path: "annotation",
    loop: true,
    kinds: ["task_divide", "push_package", "linedown", "process_label"],
    name: () => t("标注", "Annotation"),
    list: AnnotationList,
    make: AnnotationNew,
    making: () => t("切分任务包", "Cut packages"),
    one: AnnotationPage,
  },
  { path: "gpus", loop: false, kinds: [], name: () => "GPU", list: GpuPage },
  { path: "jobs", loop: false, kinds: [], name: () => t("任务", "Jobs"), list: JobList, one: JobPage },
  { path: "disk", loop: false, kinds: ["measure"], name: () => t("磁盘", "Disk"), list: DiskPage },
  { path: "trash", loop: false, kinds: [], name: () => t("回收站", "Trash"), list: TrashPage },
];

/**
 * The view at a route, and the names of the way there.
 * @param {import("./router.js").Route} route
 * @returns {{view: any, crumbs: [string, string][], key: string, wide: boolean}}
 */
export function pageOf(route) {
  const [first, second] = route.path;
  const name = useName(second);
  const place = PLACES.find((p) => p.path === first);
  const key = route.path.slice(0, 2).join("/");
  if (first && !place) return { view: Nowhere, crumbs: [[t("没有这个页面", "No such page"), ""]], key, wide: false };
  if (!place) return { view: Overview, crumbs: [[t("总览", "Overview"), "#/"]], key, wide: false };
  /** @type {[string, string][]} */
  const crumbs = [[place.name(), to(place.path)]];
  const above = PLACES.find((p) => p.path === place.under);
  if (above) crumbs.unshift([above.name(), to(above.path)]);
  if (second === "new" && place.make) {
    return { view: place.make, crumbs: [...crumbs, [place.making?.() ?? "", ""]], key, wide: false };
  }
  if (second && place.one) return { view: place.one, crumbs: [...crumbs, [name, ""]], key, wide: place.wide ?? false };
  return { view: place.list, crumbs, key, wide: false };
}
