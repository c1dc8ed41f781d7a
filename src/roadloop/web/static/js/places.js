// @ts-check
/** The places of the page: one table from routes to views. What the first screen does not show comes late. */

import { t } from "./i18n.js";
import { late } from "./late.js";
import { may, mayCall } from "./me.js";
import { useName } from "./names.js";
import { parse, to } from "./router.js";
import { Nowhere } from "./views/nowhere.js";
import { Overview } from "./views/overview.js";

// The others come when they are needed: each is a file of its own for a browser (web/page.py).
const AnnotationList = late(async () => (await import("./views/annotation-list.js")).AnnotationList);
const AnnotationNew = late(async () => (await import("./views/annotation-new.js")).AnnotationNew);
const AnnotationPage = late(async () => (await import("./views/annotation.js")).AnnotationPage);
const DatasetList = late(async () => (await import("./views/datasets.js")).DatasetList);
const DatasetNew = late(async () => (await import("./views/datasets.js")).DatasetNew);
const DatasetPage = late(async () => (await import("./views/datasets.js")).DatasetPage);
const DiskPage = late(async () => (await import("./views/disk.js")).DiskPage);
const EngineList = late(async () => (await import("./views/engines.js")).EngineList);
const EngineNew = late(async () => (await import("./views/engines.js")).EngineNew);
const EnginePage = late(async () => (await import("./views/engines.js")).EnginePage);
const EvaluationList = late(async () => (await import("./views/evaluations.js")).EvaluationList);
const EvaluationNew = late(async () => (await import("./views/evaluations.js")).EvaluationNew);
const EvaluationPage = late(async () => (await import("./views/evaluations.js")).EvaluationPage);
const FindPictures = late(async () => (await import("./views/find-pictures.js")).FindPictures);
const GpuPage = late(async () => (await import("./views/gpus.js")).GpuPage);
const ImportList = late(async () => (await import("./views/import-list.js")).ImportList);
const ImportLook = late(async () => (await import("./views/import-look.js")).ImportLook);
const ImportOne = late(async () => (await import("./views/import-one.js")).ImportOne);
const JobList = late(async () => (await import("./views/jobs.js")).JobList);
const JobPage = late(async () => (await import("./views/jobs.js")).JobPage);
const MyPackages = late(async () => (await import("./views/my-packages.js")).MyPackages);
const NetworkList = late(async () => (await import("./views/networks.js")).NetworkList);
const NetworkNew = late(async () => (await import("./views/networks.js")).NetworkNew);
const NetworkPage = late(async () => (await import("./views/networks.js")).NetworkPage);
const PeoplePage = late(async () => (await import("./views/people.js")).PeoplePage);
const ReleaseNew = late(async () => (await import("./views/release-new.js")).ReleaseNew);
const ReleaseOne = late(async () => (await import("./views/release-one.js")).ReleaseOne);
const ReleasePage = late(async () => (await import("./views/releases.js")).ReleasePage);
const SelectionList = late(async () => (await import("./views/selection-list.js")).SelectionList);
const SelectionNew = late(async () => (await import("./views/selection-new.js")).SelectionNew);
const SelectionPage = late(async () => (await import("./views/selection.js")).SelectionPage);
const SettingsPage = late(async () => (await import("./views/settings.js")).SettingsPage);
const SourceList = late(async () => (await import("./views/sources.js")).SourceList);
const SourcePage = late(async () => (await import("./views/sources.js")).SourcePage);
const TrainingList = late(async () => (await import("./views/training-list.js")).TrainingList);
const TrainingNew = late(async () => (await import("./views/training-new.js")).TrainingNew);
const TrainingPage = late(async () => (await import("./views/training.js")).TrainingPage);
const TrashPage = late(async () => (await import("./views/trash.js")).TrashPage);

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
 * @property {string} [calls] What it calls.
 * @property {() => string} [making]
 * @property {any} [one] What stands at `<path>/<id>`.
 * @property {boolean} [wide]
 * @property {string} [right] What one must be allowed; see, where none is said.
 * @property {string} [under] The place whose entry of the rail stands for this one too.
 */

/** @type {Place[]} */
export const PLACES = [
  {
    path: "import",
    loop: true,
    kinds: ["offimport", "import_preview", "unpack", "health", "index", "demo_pictures"],
    name: () => t("导入", "Import"),
    list: ImportList,
    make: ImportLook,
    calls: "/v1/imports/preview",
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
    path: "pictures",
    loop: false,
    kinds: [],
    name: () => t("查找已标注图片", "Find labelled pictures"),
    list: FindPictures,
    under: "import",
  },
  {
    path: "datasets",
    loop: true,
    kinds: ["create_data"],
    name: () => t("数据", "Datasets"),
    list: DatasetList,
    make: DatasetNew,
    calls: "/create_data",
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
    calls: "/create_net",
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
    calls: "/create_train",
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
    calls: "/starteva",
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
    calls: "/release",
    making: () => t("发布模型", "Release a model"),
    one: ReleaseOne,
  },
  {
    path: "engines",
    loop: false,
    kinds: ["convert"],
    name: () => t("引擎", "Engines"),
    list: EngineList,
    make: EngineNew,
    making: () => t("转换模型", "Convert a model"),
    calls: "/v1/engines",
    one: EnginePage,
    under: "release",
  },
  {
    path: "selection",
    loop: true,
    kinds: ["sample", "select"],
    name: () => t("挑图", "Selection"),
    list: SelectionList,
    make: SelectionNew,
    calls: "/sele_value",
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
    calls: "/task_divide",
    making: () => t("切分任务包", "Cut packages"),
    one: AnnotationPage,
  },
  {
    path: "mine",
    loop: false,
    kinds: [],
    right: "package",
    name: () => t("我的任务包", "My packages"),
    list: MyPackages,
  },
  { path: "gpus", loop: false, kinds: [], name: () => "GPU", list: GpuPage },
  { path: "jobs", loop: false, kinds: [], name: () => t("任务", "Jobs"), list: JobList, one: JobPage },
  { path: "disk", loop: false, kinds: ["measure"], name: () => t("磁盘", "Disk"), list: DiskPage },
  { path: "trash", loop: false, kinds: [], name: () => t("回收站", "Trash"), list: TrashPage },
  { path: "settings", loop: false, kinds: [], name: () => t("设置", "Settings"), list: SettingsPage },
  { path: "people", loop: false, kinds: [], right: "self", name: () => t("账号", "Accounts"), list: PeoplePage },
];

/** The places of whoever looks; "my packages" is for those who see nothing else. */
export const places = () =>
  PLACES.filter((place) => may(place.right ?? "see") && (place.path !== "mine" || !may("see")));

/**
 * The view at a route, and the names of the way there.
 * @param {import("./router.js").Route} route
 * @returns {import("./late.js").Page}
 */
export function usePage(route) {
  const [first, second] = route.path;
  const name = useName(second);
  const view = viewAt(route);
  const place = placeAt(route);
  const page = {
    route,
    view,
    key: route.path.slice(0, 2).join("/"),
    wide: view === place?.one && place?.wide === true,
  };
  if (first && !place) return { ...page, crumbs: [[t("没有这个页面", "No such page"), ""]] };
  if (!place) return { ...page, crumbs: [[t("总览", "Overview"), "#/"]] };
  /** @type {[string, string][]} */
  const crumbs = [[place.name(), to(place.path)]];
  const above = PLACES.find((p) => p.path === place.under);
  if (above) crumbs.unshift([above.name(), to(above.path)]);
  if (view === place.make) crumbs.push([place.making?.() ?? "", ""]);
  else if (view === place.one) crumbs.push([name, ""]);
  return { ...page, crumbs };
}

/** Who may see nothing but packages begins there. @param {import("./router.js").Route} route */
const placeAt = ({ path: [first] }) => places().find((p) => p.path === (first ?? (may("see") ? "" : "mine")));

/** Whether a form stands at an address that who looks could not send. @param {string} address */
export const isClosed = (address) => isRefused(parse(address));

/** @param {import("./router.js").Route} route */
const isRefused = (route) => route.path[1] === "new" && !mayCall(placeAt(route)?.calls ?? "");

/** @param {import("./router.js").Route} route @returns {any} */
export function viewAt(route) {
  const [first, second] = route.path;
  const place = placeAt(route);
  if (!place) return first ? Nowhere : Overview;
  if (isRefused(route)) return Nowhere;
  return (second === "new" && place.make) || (second && place.one) || place.list;
}
