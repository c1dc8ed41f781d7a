// @ts-check
/** The label map of a task: raw classes are dragged, typed or keyed into what the network learns them as. */

import { act } from "../api.js";
import { ClassName, className } from "../components/classes.js";
import { Failure, Loading, Panel, Warnings } from "../components/layout.js";
import { Table } from "../components/table.js";
import { changeDraft, useDraft } from "../drafts.js";
import { count, many, share, t } from "../i18n.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { mayCall } from "../me.js";
import { changed, different, free, fresh, given, IGNORE, number, redone, trainIds, undone } from "../maps.js";
import { Learned } from "./label-map-learned.js";

const NEXT_DIGIT = 700; // ms in which a second digit belongs to the first
const NEW = -1; // the first train id that is free
const NEAR = 5; // px that a press may move and still be a click

/** @typedef {import("../maps.js").Maps} Maps */
/** @typedef {import("../maps.js").Edited} Edited */
/** @typedef {{raw_id: number, name_en: string, name_zh: string, color: number[]}} RawClass */

/** @param {Edited | null} edited @param {Maps | undefined} maps */
export const changedClasses = (edited, maps) => (edited && maps ? different(edited.now, maps).length : 0);

/** @param {string} task @param {Edited | null} edited @param {Maps} maps */
export async function saveMap(task, edited, maps) {
  const now = edited?.now ?? trainIds(maps);
  const map_value = Object.fromEntries(
    Object.entries(maps).map(([raw, [, en, zh]]) => [raw, [en, zh, String(number(now[raw]))]]),
  );
  return act("/save_map", { task_id: task, map_value });
}

/** @param {{row: any, info: any, maps: Maps | undefined, error: any, retry: () => void, saved: () => void}} props */
export function LabelMap({ row, info, maps, error, retry, saved }) {
  if (!maps || !info) return html`<${Failure} error=${error} retry=${retry} />${!error && html`<${Loading} />`}`;
  return html`
    <${Editor} task=${row.task_id} info=${info} maps=${maps} saved=${saved}
      open=${row.state === "created" && mayCall("/save_map")} />
  `;
}

/** @param {any} info */
export function pixelsOf(info) {
  const statistics = info.statistics.train;
  const total = Object.values(statistics).reduce((sum, /** @type {any} */ s) => sum + s.pixels, 0) || 1;
  return (/** @type {number} */ raw) => ({
    share: (statistics[raw]?.pixels ?? 0) / total,
    pictures: statistics[raw]?.pictures ?? 0,
  });
}

/** @param {{task: string, info: any, maps: Maps, open: boolean, saved: () => void}} props */
function Editor({ task, info, maps, open, saved }) {
  const draft = useDraft(task);
  const edited = (open && draft.map) || fresh(maps);
  const [state, setState] = useState(/** @type {{error?: any, warnings?: string[]}} */ ({}));
  const [all, setAll] = useState(false);
  const [sought, seek] = useState("");
  const [chosen, choose] = useState(/** @type {number[]} */ ([]));
  const [over, setOver] = useState(/** @type {number | null} */ (null));
  const classes = /** @type {RawClass[]} */ (info.table.classes);
  const present = classes.filter((c) => info.statistics.train[c.raw_id]);
  const words = sought.trim().toLowerCase();
  const listed = (all ? classes : present).filter((c) =>
    `${c.raw_id} ${c.name_en} ${c.name_zh}`.toLowerCase().includes(words),
  );
  const differing = new Set(different(edited.now, maps));
  /** @param {Edited} next */
  const put = (next) => open && changeDraft(task, { map: next });
  /** @param {number[]} raws @param {number} train */
  const give = (raws, train) => put(changed(edited, given(edited.now, raws, train === NEW ? free(edited.now) : train)));
  const preview = over === null || !chosen.length ? edited.now : given(edited.now, chosen, over);
  async function save() {
    try {
      const reply = await saveMap(task, edited, maps);
      changeDraft(task, { map: null });
      setState({ warnings: reply.warnings ?? [] });
      saved();
    } catch (error) {
      setState({ error });
    }
  }
  const grab = useDrag(open, choose, setOver, (raws, train) => give(raws, train));
  const keys = useKeys({
    listed,
    chosen,
    choose,
    give,
    undo: () => put(undone(edited)),
    redo: () => put(redone(edited)),
  });
  return html`
    <div class="stack">
      <${Failure} error=${state.error} />
      <${Warnings} texts=${state.warnings ?? []} />
      ${open && html`<${Bar} edited=${edited} changed=${differing.size} put=${put} save=${save} task=${task} />`}
      <div class="map" onKeyDown=${open ? keys : undefined}>
        <${Panel} flush title=${t("原始类别", "Raw classes")}
          aside=${html`
            <input class="sought" type="search" value=${sought} placeholder=${t("查找", "Find")}
              aria-label=${t("查找类别", "Find a class")} onInput=${(/** @type {any} */ e) => seek(e.target.value)} />
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
          `}>
          <div class=${`dense table-box map-box ${open ? "grabs" : ""}`} tabindex=${open ? 0 : undefined}
            aria-label=${t("原始类别", "Raw classes")}
            onPointerDown=${open ? (/** @type {PointerEvent} */ e) => grab(e, chosen) : undefined}>
            <${Table} rows=${listed}
              columns=${columns(info, edited.now, open, (raw, value) =>
                put(changed(edited, { ...edited.now, [raw]: value })),
              )}
              empty=${t("没有符合的类别。", "No class matches.")}
              chosen=${(/** @type {RawClass} */ c) => chosen.includes(c.raw_id) || differing.has(String(c.raw_id))} />
          </div>
        <//>
        <${Panel} flush title=${t("学习的类别", "Classes to learn")}>
          <${Learned} classes=${classes} pixels=${pixelsOf(info)} now=${edited.now} preview=${preview} over=${over}
            open=${open} next=${free(edited.now)} chosen=${chosen}
            grab=${(/** @type {PointerEvent} */ e) => grab(e, chosen)} give=${give} />
        <//>
      </div>
    </div>
  `;
}

/**
 * @param {{edited: Edited, changed: number, put: (next: Edited) => void, save: () => void, task: string}} props
 */
const Bar = ({ edited, changed: edits, put, save, task }) => html`
  <div class="row map-bar">
    <span class="small quiet wrap">
      ${t(
        "拖动类别到右边；或选中后按数字键（i = 忽略，n = 新类别，↑ ↓ 移动，Shift 多选，Ctrl Z 撤销）。",
        "Drag classes to the right; or select and press a number (i = ignore, n = new class, ↑ ↓ move, Shift for " +
          "several, Ctrl Z undoes).",
      )}
    </span>
    <button type="button" class="button" data-act="undo" disabled=${edited.past.length === 0}
      onClick=${() => put(undone(edited))}>
      ${t("撤销", "Undo")}
    </button>
    <button type="button" class="button" data-act="redo" disabled=${edited.future.length === 0}
      onClick=${() => put(redone(edited))}>
      ${t("重做", "Redo")}
    </button>
    ${
      edits > 0 &&
      html`
        <button type="button" class="button" onClick=${() => changeDraft(task, { map: null })}>
          ${t("放弃修改", "Discard")}
        </button>
      `
    }
    <button type="button" class="button primary" data-act="save" disabled=${edits === 0} onClick=${save}>
      ${edits ? t(`保存 ${edits} 处修改`, `Save ${many(edits, "change")}`) : t("已保存", "Saved")}
    </button>
  </div>
`;

/** The raw class under an event. @param {Event} event */
function rawAt(event) {
  const mark = /** @type {Element} */ (event.target).closest("tr, [data-raw]");
  const raw = (mark?.matches("[data-raw]") ? mark : mark?.querySelector("[data-raw]"))?.getAttribute("data-raw");
  return raw === null || raw === undefined ? undefined : Number(raw);
}

/** The train id of the place under a pointer. @param {PointerEvent} event */
function trainAt(event) {
  const place = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-train]");
  return place ? Number(place.getAttribute("data-train")) : null;
}

/**
 * Drag with mouse, pen or finger; a press that does not move selects.
 * @param {boolean} open @param {(raws: number[]) => void} choose @param {(train: number | null) => void} setOver
 * @param {(raws: number[], train: number) => void} drop
 */
function useDrag(open, choose, setOver, drop) {
  const latest = useRef(drop);
  latest.current = drop;
  const end = useRef(() => {});
  useEffect(() => () => end.current(), []);
  return (/** @type {PointerEvent} */ down, /** @type {number[]} */ chosen) => {
    const raw = rawAt(down);
    const target = /** @type {Element} */ (down.target);
    if (!open || raw === undefined || down.button !== 0 || target.closest("input, a")) return;
    const several = down.shiftKey || down.ctrlKey || down.metaKey;
    const raws = several || chosen.includes(raw) ? [...new Set([...chosen, raw])] : [raw];
    const toggled = several && chosen.includes(raw) ? chosen.filter((one) => one !== raw) : raws;
    let moving = false;
    choose(raws);
    const moved = (/** @type {PointerEvent} */ e) => {
      moving ||= Math.hypot(e.clientX - down.clientX, e.clientY - down.clientY) > NEAR;
      if (!moving) return;
      e.preventDefault();
      document.documentElement.classList.add("dragging");
      setOver(trainAt(e));
    };
    const up = (/** @type {PointerEvent} */ e) => {
      end.current();
      const train = moving ? trainAt(e) : null;
      if (train !== null) latest.current(raws, train);
      else if (!moving) choose(several ? toggled : [raw]);
    };
    end.current();
    end.current = () => {
      document.removeEventListener("pointermove", moved);
      document.removeEventListener("pointerup", up);
      document.removeEventListener("pointercancel", end.current);
      document.documentElement.classList.remove("dragging");
      setOver(null);
      end.current = () => {};
    };
    document.addEventListener("pointermove", moved);
    document.addEventListener("pointerup", up);
    document.addEventListener("pointercancel", end.current);
  };
}

/**
 * @param {{listed: RawClass[], chosen: number[], choose: (raws: number[]) => void,
 *   give: (raws: number[], train: number) => void, undo: () => void, redo: () => void}} of
 */
function useKeys({ listed, chosen, choose, give, undo, redo }) {
  const typing = useRef({ text: "", at: 0 });
  return (/** @type {KeyboardEvent} */ event) => {
    if (/** @type {Element} */ (event.target).matches("input")) return;
    const { key } = event;
    const command = event.ctrlKey || event.metaKey;
    if (command && key.toLowerCase() === "z") event.shiftKey ? redo() : undo();
    else if (command && key.toLowerCase() === "y") redo();
    else if (command || event.altKey) return;
    else if (key === "ArrowDown" || key === "ArrowUp") {
      const last = listed.findIndex((c) => c.raw_id === chosen[chosen.length - 1]);
      const at = Math.min(listed.length - 1, Math.max(0, last < 0 ? 0 : last + (key === "ArrowDown" ? 1 : -1)));
      const raw = listed[at]?.raw_id;
      if (raw === undefined) return;
      choose(event.shiftKey ? [...chosen.filter((one) => one !== raw), raw] : [raw]);
      document.querySelector(`.map-box [data-raw="${raw}"]`)?.scrollIntoView({ block: "nearest" });
    } else if (/^\d$/.test(key) && chosen.length) {
      const { text, at } = typing.current;
      const now = Date.now();
      const whole = now - at < NEXT_DIGIT && Number(text + key) < IGNORE ? text + key : key;
      typing.current = { text: whole, at: now };
      give(chosen, Number(whole));
    } else if ((key === "i" || key === "Delete" || key === "Backspace") && chosen.length) give(chosen, IGNORE);
    else if (key === "n" && chosen.length) give(chosen, NEW);
    else if (key === "Escape") choose([]);
    else return;
    event.preventDefault();
  };
}

/**
 * @param {any} info @param {import("../maps.js").Edited["now"]} ids @param {boolean} open
 * @param {(raw: number, value: string) => void} set
 */
function columns(info, ids, open, set) {
  const pixels = pixelsOf(info);
  return [
    {
      head: t("编号", "Raw id"),
      num: true,
      cell: (/** @type {RawClass} */ c) => html`<span data-raw=${c.raw_id}>${c.raw_id}</span>`,
    },
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
              placeholder=${t("忽略", "ignored")} value=${ids[c.raw_id] ?? ""}
              onInput=${(/** @type {any} */ e) => set(c.raw_id, e.target.value.replace(/\D/g, ""))} />
          `
          : number(ids[c.raw_id]) === IGNORE
            ? html`<span class="faint">${t("忽略", "ignored")}</span>`
            : ids[c.raw_id],
    },
  ];
}
