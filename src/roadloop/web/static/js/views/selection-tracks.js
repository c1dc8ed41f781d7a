// @ts-check
/** Which drives pictures are chosen from: folders with their counts, pasted ids, a list file, or survey tasks. */

import { get } from "../api.js";
import { Input } from "../components/form.js";
import { Failure } from "../components/layout.js";
import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";

const SHOWN = 100;

const WAYS = () => [
  ["folders", t("从目录选", "From folders")],
  ["paste", t("粘贴轨迹号", "Paste ids")],
  ["list", t("列表文件", "List file")],
  ["tasks", t("采集任务", "Survey tasks")],
];

/** Writes `from`, and `tracks`, `track_file` or `task_file`. @param {{form: any}} props */
export function Tracks({ form }) {
  const { values } = form;
  /** @param {string} from */
  function choose(from) {
    form.set("from", from);
    form.set("tracks", from === "folders" ? "*" : "");
  }
  return html`
    <fieldset class=${`field ${form.errorOf("tracks") ? "wrong" : ""}`}>
      <legend class="label">${t("轨迹", "Tracks")}</legend>
      <div class="segmented" role="group" aria-label=${t("轨迹来自", "Tracks from")}>
        ${WAYS().map(
          ([name, words]) => html`
            <button type="button" data-from=${name} aria-pressed=${String(values.from === name)}
              onClick=${() => choose(name)}>
              ${words}
            </button>
          `,
        )}
      </div>
      ${values.from === "folders" && html`<${Folders} form=${form} />`}
      ${
        values.from === "paste" &&
        html`
          <textarea name="tracks" rows="4" spellcheck="false" value=${values.tracks}
            aria-label=${t("轨迹号", "Track ids")}
            placeholder=${t("每行一个，或用逗号分隔", "one a line, or with commas")}
            onInput=${(/** @type {any} */ e) => form.set("tracks", e.target.value)}></textarea>
        `
      }
      ${
        values.from === "list" &&
        html`
          <${Input} form=${form} name="track_file" label=${t("列表文件", "List file")} placeholder="tracks.txt" required
            hint=${t(
              "工作区中的文本文件，每行一个轨迹号。",
              "A text file of the workspace with one track id a line.",
            )} />
        `
      }
      ${
        values.from === "tasks" &&
        html`
          <${Input} form=${form} name="task_file" label=${t("采集任务号", "Survey task ids")} required
            hint=${t("用逗号分隔，或工作区中每行一个的文本文件。", "With commas, or a text file with one a line.")} />
        `
      }
      ${form.errorOf("tracks") && html`<span class="hint bad" role="alert">✕ ${form.errorOf("tracks")}</span>`}
    </fieldset>
  `;
}

/** @param {{form: any}} props */
function Folders({ form }) {
  const [words, setWords] = useState("");
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/tracks", { q: words, page: 1, page_size: SHOWN }, signal),
    [words],
  );
  const all = form.values.tracks === "*";
  const chosen = /** @type {string[]} */ (all ? [] : form.values.tracks.split("\n").filter(Boolean));
  /** @param {string} name */
  const toggle = (name) =>
    form.set("tracks", (chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]).join("\n"));
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (data && data.total === 0 && !words) {
    return html`
      <p class="quiet">
        ${t(
          "tracks/ 中还没有轨迹：把每条轨迹的 .jpg 放进 tracks/<轨迹号>/。若轨迹来自轨迹服务，请粘贴轨迹号。",
          "There are no tracks in tracks/: put the .jpg of each into tracks/<track>/. For a track service, paste ids.",
        )}
      </p>
    `;
  }
  return html`
    <label class="check">
      <input type="checkbox" name="all_tracks" checked=${all}
        onChange=${() => form.set("tracks", all ? "" : "*")} />
      <span>
        ${
          data && !words
            ? t(`全部 ${count(data.total)} 条轨迹`, `All ${many(data.total, "track")}`)
            : t("全部轨迹", "All tracks")
        }
      </span>
    </label>
    ${
      !all &&
      html`
        <div class="row tight">
          <input type="search" value=${words} aria-label=${t("查找轨迹", "Find tracks")}
            placeholder=${t("查找轨迹", "Find tracks")}
            onInput=${(/** @type {any} */ e) => setWords(e.target.value)}
            onKeyDown=${(/** @type {KeyboardEvent} */ e) => e.key === "Enter" && e.preventDefault()} />
          <span class="faint small nowrap">${t(`已选 ${chosen.length}`, `${chosen.length} chosen`)}</span>
        </div>
      `
    }
    <div class="choices tracks">
      ${(data?.data ?? []).map(
        (/** @type {any} */ row) => html`
          <label class="check">
            <input type="checkbox" name="track" value=${row.track} disabled=${all}
              checked=${all || chosen.includes(row.track)} onChange=${() => toggle(row.track)} />
            <span class="wrap">
              ${row.track}${" "}
              <span class="faint small">
                ${t(`${count(row.pictures)} 张`, many(row.pictures, "picture"))}
              </span>
            </span>
          </label>
        `,
      )}
    </div>
    ${
      data?.total > SHOWN &&
      html`
        <span class="hint">
          ${t(
            `前 ${SHOWN} 条，共 ${count(data?.total)} 条；用查找缩小。`,
            `The first ${SHOWN} of ${count(data?.total)}; find others by their name.`,
          )}
        </span>
      `
    }
  `;
}
