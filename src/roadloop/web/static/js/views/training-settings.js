// @ts-check
/** All settings of a training task: a form, or JSON; both edit the same state. */

import { act, ApiError, get } from "../api.js";
import { Setting } from "../components/setting.js";
import { Failure, Panel, Tabs } from "../components/layout.js";
import { changeDraft, draftOf } from "../drafts.js";
import { many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { setQuery, useRoute } from "../router.js";
import { edits, flaw, pretty, WHERE } from "../settings.js";

/** @typedef {import("./training-look.js").Settings} Settings */

/** @param {{settings: Settings}} props */
export function AllSettings({ settings }) {
  const { query } = useRoute();
  const as = query.as === "json" ? "json" : "form";
  const { look, broken, unsaved } = settings;
  const unknown = look.errors.filter(
    (one) => one.where && !look.fields.some((field) => field.where === one.where && field.key === one.key),
  );
  return html`
    <div class="stack">
      <div class="row">
        <${Tabs} of="as" now=${as}
          choose=${(/** @type {string} */ next) => setQuery({ as: next === "json" ? next : "" })}
          tabs=${[
            ["form", t("表单", "Form")],
            ["json", "JSON"],
          ]} />
        <span class="grow"></span>
        ${look.open ? html`<${SaveBar} settings=${settings} />` : html`<span class="quiet">${fixedText()}</span>`}
      </div>
      ${unknown.map((one) => html`<${Failure} error=${one} />`)}
      ${as === "form" && broken.length > 0 && html`<${Broken} settings=${settings} />`}
      ${as === "form" ? html`<${SettingsForm} settings=${settings} />` : html`<${Json} settings=${settings} />`}
      ${as === "json" && unsaved === 0 && look.open && html`<p class="quiet small">${jsonHint()}</p>`}
    </div>
  `;
}

/**
 * The settings of a started task whose dataset is gone, so that nothing can be said about them.
 * @param {{row: any, error: any}} props
 */
export function Stored({ row, error }) {
  const { data } = usePoll(
    (signal) =>
      Promise.all(["/train_configs", "/data_configs"].map((path) => get(path, { task_id: row.task_id }, signal))),
    [row.task_id],
  );
  return html`
    <div class="stack">
      <${Failure} error=${error} />
      <div class="two">
        ${data?.map((reply, i) => html`<${Panel} title=${WHERE[i]}><pre class="code">${pretty(reply.data)}</pre><//>`)}
      </div>
    </div>
  `;
}

const fixedText = () => t("任务已经开始，配置不再改变。", "The task has been started; its settings are fixed.");

const jsonHint = () =>
  t(
    "表单与 JSON 是同一份配置；JSON 中略去的键取默认值。",
    "Form and JSON are one state; a key that the JSON leaves out takes its default.",
  );

/** @param {{settings: Settings}} props */
const Broken = ({ settings }) => html`
  <div class="failure" role="alert">
    <span class="mark" aria-hidden="true">✕</span>
    <span class="grow wrap">
      ${t(
        `${settings.broken.join("、")} 的 JSON 还读不懂，写完之前表单中对应的项不能改；已写的文字保留着。`,
        `The JSON of ${settings.broken.join(" and ")} cannot be read yet; its fields wait until it can. ` +
          "The text is kept.",
      )}
    </span>
    <button type="button" class="button" onClick=${() => setQuery({ as: "json" })}>${t("去写完", "Finish it")}</button>
    <button type="button" class="button" onClick=${() => changeDraft(settings.task, { text: {} })}>
      ${t("放弃这段 JSON", "Discard that JSON")}
    </button>
  </div>
`;

/** What a save stores; throws what the server says. @param {Settings} settings */
export async function saveSettings({ task, changed }) {
  for (const where of WHERE) {
    if (Object.keys(changed[where]).length === 0) continue;
    await act(where === "train_con" ? "/train_config" : "/data_config", { task_id: task, [where]: changed[where] });
    const { [where]: _old, ...text } = draftOf(task).text;
    changeDraft(task, { [where]: {}, text });
  }
}

/** The first field that has an error. */
function toWrong() {
  const field = document.querySelector(".setting.wrong");
  field?.scrollIntoView({ block: "center" });
  /** @type {HTMLElement | null | undefined} */ (field?.querySelector("input, select"))?.focus();
}

/** @param {{settings: Settings}} props */
function SaveBar({ settings }) {
  const { unsaved, broken, look } = settings;
  const [state, setState] = useState(/** @type {{error?: any, done?: boolean}} */ ({}));
  const wrong = look.errors.filter((one) => one.where).map((one) => one.key);
  async function save() {
    try {
      await saveSettings(settings);
      setState({ done: true });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setState({ error });
    }
    settings.reload();
  }
  return html`
    ${state.error && html`<span class="bad small" role="alert">✕ ${state.error.message}</span>`}
    ${
      wrong.length > 0 &&
      html`
        <button type="button" class="as-link bad small" onClick=${toWrong}>
          ✕ ${t(`有误：${wrong.join("、")}`, `Wrong: ${wrong.join(", ")}`)}
        </button>
      `
    }
    ${state.done && unsaved === 0 && html`<span class="small" role="status">✓ ${t("已保存", "Saved")}</span>`}
    ${
      unsaved > 0 &&
      html`
        <button type="button" class="button"
          onClick=${() => changeDraft(settings.task, { train_con: {}, data_con: {}, text: {} })}>
          ${t("放弃修改", "Discard")}
        </button>
      `
    }
    <button type="button" class="button primary" data-act="save" onClick=${save}
      disabled=${unsaved === 0 || broken.length > 0}>
      ${unsaved ? t(`保存 ${unsaved} 项修改`, `Save ${many(unsaved, "change")}`) : t("保存", "Save")}
    </button>
  `;
}

/** @param {{settings: Settings}} props */
function SettingsForm({ settings }) {
  const { look } = settings;
  const [sought, seek] = useState("");
  const found = look.fields.filter((field) =>
    `${field.key} ${field.name} ${field.meaning}`.toLowerCase().includes(sought.trim().toLowerCase()),
  );
  return html`
    <input class="sought" type="search" value=${sought} aria-label=${t("查找设置", "Find a setting")}
      placeholder=${t("查找设置：名称或说明", "Find a setting: name or meaning")}
      onInput=${(/** @type {any} */ e) => seek(e.target.value)} />
    ${look.groups.map(({ name, title }) => {
      const fields = found.filter((field) => field.group === name);
      return (
        fields.length > 0 &&
        html`
          <${Panel} title=${title}>
            <div class="settings">
              ${fields.map(
                (field) => html`<${Setting} key=${field.key} field=${field} settings=${settings} open=${look.open} />`,
              )}
            </div>
          <//>
        `
      );
    })}
  `;
}

/** @param {{settings: Settings}} props */
const Json = ({ settings }) => html`
  <div class="two">${WHERE.map((where) => html`<${Editor} key=${where} settings=${settings} where=${where} />`)}</div>
`;

/** @param {{settings: Settings, where: import("../settings.js").Where}} props */
function Editor({ settings, where }) {
  const { look, changed, draft, task } = settings;
  const text = draft.text[where] ?? pretty({ ...look.saved[where], ...changed[where] });
  const wrong = flaw(draft.text[where]);
  const fields = look.fields.filter((field) => field.where === where);
  /** @param {string} next */
  function write(next) {
    const words = { ...draft.text, [where]: next };
    if (flaw(next) !== undefined) return changeDraft(task, { text: words });
    return changeDraft(task, { text: words, [where]: edits(JSON.parse(next), fields, look.saved[where]) });
  }
  const errors = look.errors.filter((one) => one.where === where);
  return html`
    <${Panel} title=${where}>
      <div class="stack tight">
        ${
          wrong &&
          html`
            <${Failure} error=${{ message: t(`还不是有效的 JSON：${wrong}`, `Not valid JSON yet: ${wrong}`) }} />
          `
        }
        ${errors.map((error) => html`<${Failure} error=${error} />`)}
        ${
          look.open
            ? html`
              <textarea class="code" spellcheck="false" aria-label=${where} name=${where} value=${text}
                onInput=${(/** @type {any} */ e) => write(e.target.value)}></textarea>
            `
            : html`<pre class="code">${text}</pre>`
        }
      </div>
    <//>
  `;
}
