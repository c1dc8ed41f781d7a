// @ts-check
/** The label map of a task: what the network learns each raw class as. */

import { act, query } from "../api.js";
import { ClassName, className, Swatch } from "../components/classes.js";
import { Failure, Loading, Panel, Warnings } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, share, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";

const IGNORE = 255;
const FEW = 3; // pictures

/** @typedef {Record<string, [string, string, string]>} Maps  Raw id -> train id, English name, Chinese name. */
/** @typedef {{raw_id: number, name_en: string, name_zh: string, color: number[]}} RawClass */

/** @param {{row: any, info: any, error: any, saved: () => void}} props */
export function LabelMap({ row, info, error, saved }) {
  const maps = usePoll((signal) => query("/maps", { task_id: row.task_id }, signal), [row.task_id]);
  if (!maps.data || !info)
    return html`
      <${Failure} error=${maps.error ?? error} retry=${maps.reload} />${!maps.error && !error && html`<${Loading} />`}
    `;
  return html`
    <${Editor} key=${row.state === "created"} task=${row.task_id} info=${info} first=${maps.data.data}
      open=${row.state === "created"} saved=${saved} />
  `;
}

/** @param {{task: string, info: any, first: Maps, open: boolean, saved: () => void}} props */
function Editor({ task, info, first, open, saved }) {
  const [stored, setStored] = useState(first);
  const [edited, setEdited] = useState(() => trainIds(first));
  const [state, setState] = useState(/** @type {{error?: any, warnings?: string[]}} */ ({}));
  const [all, setAll] = useState(false);
  const before = trainIds(stored);
  const changed = Object.keys(before).filter((raw) => number(edited[raw]) !== number(before[raw])).length;
  async function save() {
    try {
      const map_value = Object.fromEntries(
        Object.entries(stored).map(([raw, [, en, zh]]) => [raw, [en, zh, String(number(edited[raw]))]]),
      );
      const reply = await act("/save_map", { task_id: task, map_value });
      setStored(reply.data);
      setEdited(trainIds(reply.data));
      setState({ warnings: reply.warnings ?? [] });
      saved();
    } catch (error) {
      setState({ error });
    }
  }
  const classes = /** @type {RawClass[]} */ (info.table.classes);
  const present = classes.filter((c) => info.statistics.train[c.raw_id]);
  return html`
    <div class="stack">
      <${Failure} error=${state.error} />
      <${Warnings} texts=${state.warnings ?? []} />
      <div class="map">
        <${Panel} flush title=${t("原始类别", "Raw classes")}
          aside=${html`
            ${
              present.length < classes.length &&
              html`
                <label class="check small">
                  <input type="checkbox" checked=${all} onChange=${() => setAll(!all)} />
                  ${t(
                    `显示训练图片中没有的 ${classes.length - present.length} 类`,
                    `Show the ${classes.length - present.length} not in the training pictures`,
                  )}
                </label>
              `
            }
            ${
              open &&
              changed > 0 &&
              html`
                <button type="button" class="button" onClick=${() => setEdited(before)}>${t("撤销", "Undo")}</button>
              `
            }
            ${
              open &&
              html`
                <button type="button" class="button primary" disabled=${changed === 0} onClick=${save}>
                  ${
                    changed
                      ? t(`保存 ${changed} 处修改`, `Save ${changed} change${changed === 1 ? "" : "s"}`)
                      : t("已保存", "Saved")
                  }
                </button>
              `
            }
          `}>
          <div class="dense table-box map-box">
            <${Table} rows=${all ? classes : present}
              columns=${columns(info, edited, open, (raw, value) => setEdited((now) => ({ ...now, [raw]: value })))}
              chosen=${(/** @type {RawClass} */ c) => number(edited[c.raw_id]) !== number(before[c.raw_id])} />
          </div>
        <//>
        <${Panel} flush title=${t("学习的类别", "Classes to learn")}><${Learned} info=${info} edited=${edited} /><//>
      </div>
    </div>
  `;
}

/** @param {Maps} maps @returns {Record<string, string>} */
const trainIds = (maps) =>
  Object.fromEntries(Object.entries(maps).map(([raw, [train]]) => [raw, Number(train) === IGNORE ? "" : train]));

/** A train id as typed; empty = ignored. @param {string | undefined} text */
const number = (text) => (text === undefined || text.trim() === "" ? IGNORE : Number(text));

/** @param {any} info */
const pixelsOf = (info) => {
  const statistics = info.statistics.train;
  const total = Object.values(statistics).reduce((sum, /** @type {any} */ s) => sum + s.pixels, 0) || 1;
  return (/** @type {number} */ raw) => ({
    share: (statistics[raw]?.pixels ?? 0) / total,
    pictures: statistics[raw]?.pictures ?? 0,
  });
};

/**
 * @param {any} info
 * @param {Record<string, string>} edited
 * @param {boolean} open
 * @param {(raw: number, value: string) => void} set
 */
function columns(info, edited, open, set) {
  const pixels = pixelsOf(info);
  return [
    { head: t("编号", "Raw id"), num: true, cell: (/** @type {RawClass} */ c) => c.raw_id },
    { head: t("类别", "Class"), cell: (/** @type {RawClass} */ c) => html`<${ClassName} of=${c} />` },
    { head: t("像素", "Pixels"), num: true, cell: (/** @type {RawClass} */ c) => share(pixels(c.raw_id).share) },
    { head: t("图片", "Pictures"), num: true, cell: (/** @type {RawClass} */ c) => count(pixels(c.raw_id).pictures) },
    {
      head: "train id",
      num: true,
      title: t("留空 = 忽略", "Empty = ignored"),
      cell: (/** @type {RawClass} */ c) =>
        open
          ? html`
            <input class="train-id num" inputmode="numeric" aria-label=${`train id: ${className(c)}`}
              placeholder=${t("忽略", "ignored")} value=${edited[c.raw_id] ?? ""}
              onInput=${(/** @type {any} */ e) => set(c.raw_id, e.target.value.replace(/\D/g, ""))} />
          `
          : number(edited[c.raw_id]) === IGNORE
            ? html`<span class="faint">${t("忽略", "ignored")}</span>`
            : edited[c.raw_id],
    },
  ];
}

/** What the network would learn. @param {{info: any, edited: Record<string, string>}} props */
function Learned({ info, edited }) {
  const pixels = pixelsOf(info);
  /** @type {Map<number, RawClass[]>} */
  const groups = new Map();
  for (const c of info.table.classes) {
    const train = number(edited[c.raw_id]);
    groups.set(train, [...(groups.get(train) ?? []), c]);
  }
  const ids = [...groups.keys()].sort((a, b) => a - b);
  return html`
    <ul class="learned">
      ${ids.map((id) => {
        const members = /** @type {RawClass[]} */ (groups.get(id));
        const sum = members.reduce((total, c) => total + pixels(c.raw_id).share, 0);
        const pictures = Math.max(...members.map((c) => pixels(c.raw_id).pictures));
        const shown = members.filter((c) => pixels(c.raw_id).pictures > 0);
        return html`
          <li class=${id === IGNORE ? "ignored" : ""}>
            <span class="num id">${id === IGNORE ? "255" : id}</span>
            <span class="grow members">
              ${
                id === IGNORE
                  ? html`<b>${t("忽略", "Ignored")}</b>`
                  : html`
                    <span class="class-name">
                      <${Swatch} color=${members[0].color} />
                      <b>${className(members[0])}</b>
                    </span>
                  `
              }
              ${
                members.length > 1 &&
                (shown.length !== 1 || shown[0] !== members[0]) &&
                html`
                  <span class="hint" title=${members.map(className).join(", ")}>
                    ${names(shown.length ? shown : members)}
                  </span>
                `
              }
              ${
                id !== IGNORE &&
                pictures < FEW &&
                html`
                  <span class="chip warn">
                    <span aria-hidden="true">⚠</span>
                    ${
                      pictures === 0
                        ? t("训练图片中没有", "not in the training pictures")
                        : t(`只有 ${pictures} 张图片`, `${pictures} picture${pictures === 1 ? "" : "s"} only`)
                    }
                  </span>
                `
              }
            </span>
            <span class="num quiet">${share(sum)}</span>
          </li>
        `;
      })}
    </ul>
  `;
}

/** @param {RawClass[]} members */
function names(members) {
  const some = members.slice(0, 6).map(className).join(t("、", ", "));
  return members.length > 6 ? t(`${some} 等 ${members.length} 类`, `${some} and ${members.length - 6} more`) : some;
}
