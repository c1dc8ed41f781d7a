// @ts-check
/** The start of a training task: the most used settings, what they lead to, and where it runs. */

import { act, ApiError, get } from "../api.js";
import { devices, GpuField } from "../components/gpu-field.js";
import { Facts, Panel, Warnings } from "../components/layout.js";
import { Setting } from "../components/setting.js";
import { changeDraft, dropDraft } from "../drafts.js";
import { count, duration, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { setQuery } from "../router.js";
import { WHERE } from "../settings.js";
import { changedClasses, saveMap } from "./label-map.js";

/** @typedef {import("./training-look.js").Settings} Settings */

const MAIN = "main";

/** @param {{row: any, settings: Settings, maps: any, mapSaved: () => void, started: () => void}} props */
export function StartForm({ row, settings, maps, mapSaved, started }) {
  const { look, draft, task } = settings;
  const [asking, ask] = useState(false);
  const [error, setError] = useState(/** @type {ApiError | undefined} */ (undefined));
  const [busy, setBusy] = useState(false);
  const main = look.fields.filter((field) => field.group === MAIN);
  const hidden = hiddenChanges(settings);
  const classes = changedClasses(draft.map, maps);
  /** @param {boolean} all Whether with what other tabs hold unsaved. */
  async function start(all) {
    setBusy(true);
    setError(undefined);
    ask(false);
    try {
      if (all && classes > 0) {
        await saveMap(task, draft.map, maps);
        changeDraft(task, { map: null });
        mapSaved();
      }
      await act("/starttask", { task_id: task, gpus: draft.gpus, ...sent(settings, all) });
      dropDraft(task);
      started();
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught;
      setError(caught);
    } finally {
      setBusy(false);
    }
  }
  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    if (classes > 0 || hidden.length > 0 || settings.broken.length > 0) return ask(true);
    return start(true);
  }
  const form = {
    values: { gpus: draft.gpus },
    set: (/** @type {string} */ _, /** @type {string} */ gpus) => changeDraft(task, { gpus }),
    errorOf: () => settings.errorOf("", "gpus") ?? (error?.details.parameter === "gpus" ? error?.message : undefined),
  };
  const key = error?.details.key ?? error?.details.parameter;
  const placed = main.some((field) => field.key === key) || key === "gpus";
  const shown = {
    ...settings,
    errorOf: (/** @type {string} */ where, /** @type {string} */ one) =>
      settings.errorOf(where, one) ?? (one === key ? error?.message : undefined),
  };
  const elsewhere = look.errors.filter((one) => one.where && !main.some((field) => field.key === one.key));
  return html`
    <form class="stack" onSubmit=${submit}>
      <${Warnings} texts=${look.warnings} />
      <${Panel}>
        <div class="settings">
          ${main
            .filter(
              (field) => field.key !== "data_type" || row.data_type === "aug" || look.data_con.data_type === "aug",
            )
            .map((field) => html`<${Setting} key=${field.key} field=${field} settings=${shown} open />`)}
          <${GpuField} form=${form} spread />
        </div>
        <p class="small">
          <${Calculate} settings=${settings} />${" · "}
          <button type="button" class="as-link" onClick=${() => setQuery({ tab: "config" })}>
            ${t("其余设置", "All other settings")}
          </button>
        </p>
      <//>
      <${Panel} title=${t("这样开始会怎样", "What this start leads to")}><${Facts} of=${facts(row, settings)} /><//>
      ${
        elsewhere.length > 0 &&
        html`
          <div class="failure" role="alert">
            <span class="mark">✕</span>
            <span class="grow wrap">${elsewhere.map((one) => html`<div>${one.message}</div>`)}</span>
            <button type="button" class="button" onClick=${() => setQuery({ tab: "config" })}>
              ${t("去改正", "Correct it")}
            </button>
          </div>
        `
      }
      ${
        error &&
        !placed &&
        html`
          <div class="failure" role="alert">
            <span class="mark">✕</span><span class="grow wrap">${error.message}</span>
          </div>
        `
      }
      ${
        asking &&
        html`
          <${Question} hidden=${hidden} classes=${classes} broken=${settings.broken} back=${() => ask(false)}
            start=${start} />
        `
      }
      <div class="row form-end">
        <button class="button primary" disabled=${busy || asking}>
          ${busy ? t("正在提交…", "Sending…") : goText(settings)}
        </button>
        <span class="small quiet">
          ${t(
            `${row.category_num} 个类别，由标签映射决定。开始后配置和映射不再改变；要别的配置可复制任务。`,
            `${many(row.category_num, "class", "classes")}, by the label map. Once started, settings and ` +
              "map are fixed; copy the task for others.",
          )}
        </span>
      </div>
    </form>
  `;
}

/** Names of the changed settings that this tab does not show. @param {Settings} settings @returns {string[]} */
const hiddenChanges = ({ look, changed }) =>
  WHERE.flatMap((where) =>
    Object.keys(changed[where]).filter((key) => look.fields.find((field) => field.key === key)?.group !== MAIN),
  );

/** @param {Settings} settings @param {boolean} all */
function sent(settings, all) {
  const hidden = hiddenChanges(settings);
  return Object.fromEntries(
    WHERE.map((where) => [
      where,
      Object.fromEntries(Object.entries(settings.changed[where]).filter(([key]) => all || !hidden.includes(key))),
    ]),
  );
}

/** @param {Settings} settings */
function goText({ look, draft }) {
  const epochs = look.train_con.num_epoch;
  const on = devices(draft.gpus);
  const time =
    look.outlook.seconds == null
      ? ""
      : t(`（约 ${duration(look.outlook.seconds)}）`, ` (about ${duration(look.outlook.seconds)})`);
  return t(`在 ${on} 上开始训练 ${count(epochs)} 轮${time}`, `Start ${many(epochs, "epoch")} on ${on}${time}`);
}

/** @param {any} row @param {Settings} settings @returns {[any, any][]} */
function facts(row, { look }) {
  const { outlook, train_con: train } = look;
  const size = look.data_con.crop ?? [];
  return [
    [t("训练图片", "Training pictures"), count(outlook.pictures)],
    [t("每轮步数", "Steps an epoch"), count(outlook.steps_per_epoch)],
    [t("总步数", "Steps in all"), count(outlook.total_steps)],
    [t("裁剪（高 × 宽）", "Crop (height × width)"), size.join(" × ")],
    [t("一次在内存中", "In memory at once"), t(`${outlook.at_once} 张`, many(outlook.at_once, "picture"))],
    [
      t("内存，每个设备（估计）", "Memory of a device (estimate)"),
      html`${mib(outlook.memory_mib)} <span class="faint">${outlook.memory_basis}</span>`,
    ],
    [
      t("速度（估计）", "Speed (estimate)"),
      outlook.images_per_second &&
        t(
          `${outlook.images_per_second.toPrecision(2)} 张/秒`,
          `${outlook.images_per_second.toPrecision(2)} pictures/s`,
        ),
    ],
    [
      t("时间（估计，不含验证）", "Time (estimate, without validation)"),
      outlook.seconds == null
        ? outlook.basis
        : html`${duration(outlook.seconds)} <span class="faint">${outlook.basis}</span>`,
    ],
    [
      t("起始权重", "Start weights"),
      train.weights ||
        (row.base_task ? t("起始任务的最好模型", "the base task's best model") : t("从头训练", "from scratch")),
    ],
    [t("模型文件", "Model files"), html`<span class="mono">${train.model}_ep-0001.params</span>`],
  ];
}

/** @param {number | null} size */
const mib = (size) =>
  size == null
    ? ""
    : size >= 1024
      ? t(`约 ${(size / 1024).toFixed(1)} GiB`, `about ${(size / 1024).toFixed(1)} GiB`)
      : t(`约 ${size} MiB`, `about ${size} MiB`);

/** @param {{settings: Settings}} props */
function Calculate({ settings }) {
  const epochs = settings.look.fields.find((field) => field.key === "num_epoch");
  const calculate = async () => {
    const reply = await get("/calculate", { task_id: settings.task, batch_val: settings.look.train_con.batch_size });
    if (epochs) settings.set(epochs, String(reply.data));
  };
  return html`
    <button type="button" class="as-link" onClick=${calculate}>
      ${t("按约 10,000 步算出轮数", "Epochs for about 10,000 steps")}
    </button>
  `;
}

/**
 * What to do with edits that stand on other tabs and are not saved.
 * @param {{hidden: string[], classes: number, broken: string[], back: () => void, start: (all: boolean) => void}} props
 */
const Question = ({ hidden, classes, broken, back, start }) => html`
  <div class="ask" role="alertdialog" aria-label=${t("有未保存的修改", "There are unsaved edits")}>
    <p>
      <b>
        ${t(
          "有未保存的修改。开始之后配置和标签映射不能再改。",
          "There are unsaved edits. After the start, settings and label map are fixed.",
        )}
      </b>
    </p>
    <ul>
      ${
        classes > 0 &&
        html`<li>
          ${t(`标签映射：${classes} 个类别`, `Label map: ${many(classes, "class", "classes")}`)}
        </li>`
      }
      ${hidden.length > 0 && html`<li>${t("设置：", "Settings: ")}<code>${hidden.join(", ")}</code></li>`}
      ${
        broken.length > 0 &&
        html`<li>
          ${t(
            `${broken.join("、")} 的 JSON 还读不懂，不会用上`,
            `The JSON of ${broken.join(" and ")} cannot be read and would not be used`,
          )}
        </li>`
      }
    </ul>
    <div class="row">
      <button type="button" class="button primary" data-act="with" disabled=${broken.length > 0}
        onClick=${() => start(true)}>
        ${t("保存并开始", "Save and start")}
      </button>
      <button type="button" class="button" data-act="without" onClick=${() => start(false)}>
        ${t("不带这些修改开始", "Start without them")}
      </button>
      <button type="button" class="button" data-act="back" onClick=${back}>${t("返回", "Back")}</button>
    </div>
  </div>
`;
