// @ts-check
/** The whole configuration of a training task as JSON: to read, and before the start to edit. */

import { act, ApiError, get } from "../api.js";
import { Failure, Loading, Panel } from "../components/layout.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";

/** @param {{row: any, saved: () => void}} props */
export function Config({ row, saved }) {
  const open = row.state === "created";
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all(["/train_configs", "/data_configs"].map((path) => get(path, { task_id: row.task_id }, signal))).then(
        ([train, data_]) => ({ train: train.data, data: data_.data }),
      ),
    [row.task_id, open],
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  return html`
    <div class="stack">
      ${
        !open &&
        html`
          <p class="quiet">
            ${t("任务已经开始，配置不再改变。", "The task has been started; its settings are fixed.")}
          </p>
        `
      }
      <div class="two">
        <${Editor} title=${t("训练配置 train_con", "Training, train_con")} path="/train_config" name="train_con"
          first=${data.train} task=${row.task_id} open=${open} saved=${saved} />
        <${Editor} title=${t("数据配置 data_con", "Data, data_con")} path="/data_config" name="data_con"
          first=${data.data} task=${row.task_id} open=${open} saved=${saved} />
      </div>
    </div>
  `;
}

/**
 * @param {{title: string, path: string, name: string, first: any, task: string, open: boolean,
 *   saved: () => void}} props
 */
function Editor({ title, path, name, first, task, open, saved }) {
  const [text, setText] = useState(() => pretty(first));
  const [state, setState] = useState(/** @type {{error?: {message: string}, done?: boolean}} */ ({}));
  async function save() {
    try {
      const reply = await act(path, { task_id: task, [name]: parse(text) });
      setText(pretty(reply.data));
      setState({ done: true });
      saved();
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof SyntaxError)) throw error;
      setState({
        error: {
          message:
            error instanceof ApiError
              ? error.message
              : t(`不是有效的 JSON：${error.message}`, `Not valid JSON: ${error.message}`),
        },
      });
    }
  }
  return html`
    <${Panel} title=${title}
      aside=${open && html`<button type="button" class="button" onClick=${save}>${t("保存", "Save")}</button>`}>
      <div class="stack tight">
        <${Failure} error=${state.error} />
        ${state.done && html`<p class="notice" role="status">✓ ${t("已保存", "Saved")}</p>`}
        ${
          open
            ? html`
              <textarea class="code" spellcheck="false" aria-label=${title} value=${text}
                onInput=${(/** @type {any} */ e) => (setText(e.target.value), setState({}))}></textarea>
            `
            : html`<pre class="code">${pretty(first)}</pre>`
        }
      </div>
    <//>
  `;
}

/** One line for each key, lists of numbers on one line. @param {any} value */
const pretty = (value) =>
  `{\n${Object.entries(value)
    .map(([key, item]) => `  ${JSON.stringify(key)}: ${JSON.stringify(item)}`)
    .join(",\n")}\n}`;

/** @param {string} text */
const parse = (text) => /** @type {Record<string, any>} */ (JSON.parse(text));
