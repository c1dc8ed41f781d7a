// @ts-check
/** One training task: prepared, running, or done. */

import { act, get, query } from "../api.js";
import { DeleteButton } from "../components/delete.js";
import { Absent, ConfirmButton, Failure, Head, Loading, Panel, Tabs, Warnings, oneOf } from "../components/layout.js";
import { JobState, StateChip } from "../components/state.js";
import { many, t } from "../i18n.js";
import { html } from "../lib.js";
import { mayCall } from "../me.js";
import { learnName } from "../names.js";
import { upToDate } from "../live.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { setQuery, to } from "../router.js";
import { TrainingCompare } from "./training-compare.js";
import { changedClasses, LabelMap } from "./label-map.js";
import { useSettings } from "./training-look.js";
import { Progress } from "./training-progress.js";
import { AllSettings, Stored } from "./training-settings.js";
import { StartForm } from "./training-start.js";

/** @typedef {any} Row  A row of /train_history. */

/** @param {{route: import("../router.js").Route}} props */
export const TrainingPage = ({ route }) =>
  route.path[1] === "compare" ? html`<${TrainingCompare} route=${route} />` : html`<${OnePage} route=${route} />`;

/** @param {{route: import("../router.js").Route}} props */
function OnePage({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll(
    (signal) => query("/train_history", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  const name = data?.data.data;
  const dataset = usePoll(
    (signal) => (name ? get(`/v1/datasets/${encodeURIComponent(name)}`, {}, signal) : Promise.resolve(undefined)),
    [name],
  );
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${task}
          none=${t("没有这个训练任务", "There is no such training task")}
          all=${t("查看全部训练任务", "See all training tasks")} list=${to("training")} />
      `
      : html`<${Loading} />`;
  return html`<${Task} row=${data.data} reload=${reload} route=${route} dataset=${dataset} />`;
}

/** @param {{row: Row, reload: () => void, route: import("../router.js").Route, dataset: any}} props */
function Task({ row, reload, route, dataset }) {
  const task = row.task_id;
  const maps = usePoll((signal) => query("/maps", { task_id: task }, signal), [task, row.state === "created"]);
  const info = dataset.data?.data;
  const created = row.state === "created";
  const open = created && mayCall("/starttask");
  const tab = oneOf(route.query.tab, [...(open ? ["start"] : []), ...(created ? [] : ["progress"]), "map", "config"]);
  const { settings, error, retry } = useSettings(row, open || tab === "config");
  learnName(task, row.task_name);
  const moved = open ? changedClasses(settings?.draft.map ?? null, maps.data?.data) : 0;
  const unsaved = open && settings ? settings.unsaved : 0;
  const failed = html`<${Failure} error=${error} retry=${retry} />`;
  const mapSaved = () => (maps.reload(), reload());
  const begun = () => (setQuery({ tab: "progress" }), reload());
  const shown =
    settings &&
    (tab === "start"
      ? html`<${StartForm} row=${row} settings=${settings} maps=${maps.data?.data} mapSaved=${mapSaved}
          started=${begun} />`
      : html`<${AllSettings} settings=${settings} />`);
  return html`
    <${Head} title=${row.task_name}
      chip=${(open || row.state === "succeeded") && html`<${StateChip} state=${row.state} />`} sub=${subtitle(row)}
      actions=${html`<${Actions} row=${row} reload=${reload} />`} />
    <div class="stack">
      ${!open && row.state !== "succeeded" && html`<${Panel}><${JobState} job=${row} wide /><//>`}
      ${
        row.state === "failed" &&
        html`
          <p class="small">
            ${t(
              "若需要新建任务（例如更换设置、标签映射或数据），不必从头填写：",
              "Where the cure is a new task (other settings, label map or dataset), nothing need be typed again:",
            )}
            <a class="link" href=${copyOf(row)}>${t("复制这个任务", "copy this task")} →</a>
          </p>
        `
      }
      <${Warnings} texts=${row.warnings} />
      <div>
        <${Tabs}
          now=${tab}
          choose=${(/** @type {string} */ next) => setQuery({ tab: next })}
          tabs=${[
            ...(open ? [["start", t("开始训练", "Start")]] : []),
            ...(created ? [] : [["progress", t("进展", "Progress")]]),
            [
              "map",
              html`${t(
                `标签映射（${row.category_num} 类）`,
                `Label map (${many(row.category_num, "class", "classes")})`,
              )}${dot(moved)}`,
            ],
            ["config", html`${t("全部配置", "All settings")}${dot(unsaved)}`],
          ]}
        />
        ${tab === "progress" && html`<${Progress} row=${row} />`}
        ${
          tab === "map" &&
          html`
            <${LabelMap} row=${row} info=${info} maps=${maps.data?.data} error=${maps.error ?? dataset.error}
              retry=${maps.reload} saved=${mapSaved} />
          `
        }
        ${
          (tab === "start" || tab === "config") &&
          (settings
            ? shown
            : !error
              ? html`<${Loading} />`
              : open
                ? failed
                : html`<${Stored} row=${row} error=${error} />`)
        }
      </div>
    </div>
  `;
}

/** Where a task is copied. @param {Row} row */
const copyOf = (row) => `${to("training", "new")}?copy=${row.task_id}`;

/** How much is not saved. @param {number} many */
const dot = (many) =>
  many > 0 && html` <span class="dot" title=${t(`${many} 处未保存`, `${many} not saved`)}>● ${many}</span>`;

/** @param {Row} row */
const subtitle = (row) => html`
  ${row.task_desc && html`${row.task_desc} · `}${t("网络", "network")} <b>
    ${row.network}
  </b> · ${t("数据", "dataset")} <b>
    ${row.data}
  </b>
`;

/** @param {{row: Row, reload: () => void}} props */
function Actions({ row, reload }) {
  const id = { task_id: row.task_id };
  return html`
    ${
      isLive(row) &&
      !upToDate(row).stopping &&
      html`
        <${ConfirmButton} calls="/endtask" label=${t("停止", "Stop")}
          sure=${t("确定停止？会先保存检查点", "Really stop? A checkpoint is saved first")}
          run=${() => act("/endtask", id).then(reload)} />
      `
    }
    ${
      ["failed", "cancelled"].includes(row.state) &&
      html`
        <${ConfirmButton} calls="/continue_task" label=${t("继续训练", "Continue")}
          sure=${t("确定从最新检查点继续？", "Go on from the newest checkpoint?")}
          run=${() => act("/continue_task", id).then(reload)} />
      `
    }
    <a class="button" data-act="copy" href=${copyOf(row)}
      title=${t("标签映射和设置一起复制", "Label map and settings go along")}>
      ${t("复制任务", "Copy this task")}
    </a>
    ${
      row.best &&
      html`
        <a class="button" href=${`${to("evaluation", "new")}?task=${encodeURIComponent(row.task_name)}`}>
          ${t("评估", "Evaluate")}
        </a>
      `
    }
    ${
      row.best &&
      row.state === "succeeded" &&
      html`
        <a class="button"
          href=${`${to("release", "new")}?model=${encodeURIComponent(`${row.task_name}/${row.best.file}`)}`}>
          ${t("发布", "Release")}
        </a>
      `
    }
    <${DeleteButton} thing=${{ kind: "task", name: row.task_name }} back=${to("training")} />
  `;
}
