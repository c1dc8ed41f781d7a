// @ts-check
/** Labelled pictures of all source sets by class, city, time and range; each opens in the viewer. */

import { act, get } from "../api.js";
import { className, Swatch } from "../components/classes.js";
import { Empty, Failure, Head, Loading, Panel } from "../components/layout.js";
import { Opacity } from "../components/opacity.js";
import { Start } from "../components/start.js";
import { Viewer } from "../components/viewer.js";
import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { listed, namesIn } from "../lists.js";
import { may } from "../me.js";
import { usePoll } from "../poll.js";
import { setQuery, to, useReturn } from "../router.js";
import { pathOf } from "../source-path.js";
import { Pager } from "./annotation-rejected.js";

const PAGE = 15;
/** Names of sets that are not read. */
const SHOWN = 10;
const FILTERS = ["sources", "classes", "city", "time", "imgoprange", "package"];

/**
 * @typedef {{source: string, package: string, name: string, track: string, city: string, time: string,
 *   imgoprange: string, width: number, height: number, image_url: string, label_url: string,
 *   classes: {raw_id: number, name_en: string, name_zh: string, color: number[]}[]}} Picture
 */
/** @typedef {{name: string, state: "read" | "old" | "unread", pictures: number | null}} ReadSet */

/** @param {{route: import("../router.js").Route}} props */
export function FindPictures({ route }) {
  const asked = Object.fromEntries(FILTERS.map((name) => [name, route.query[name] ?? ""]));
  const page = Math.max(1, Number(route.query.page) || 1);
  const choices = usePoll(
    (signal) => get("/v1/labelled-pictures/choices", {}, signal),
    [],
    () => ({ kinds: ["index", "offimport", "process_label"] }),
  );
  const found = usePoll(
    (signal) => get("/v1/labelled-pictures", { ...asked, page, page_size: PAGE }, signal),
    [JSON.stringify(asked), page],
    () => ({ kinds: ["index"] }),
  );
  const rows = /** @type {Picture[]} */ (found.data?.data ?? []);
  const at = rows.findIndex((row) => row.image_url === route.query.p);
  if (at >= 0) return html`<${One} rows=${rows} at=${at} />`;
  const reload = () => {
    choices.reload();
    found.reload();
  };
  return html`
    <${Head} title=${t("查找已标注图片", "Find labelled pictures")}
      sub=${t("在全部源数据中按类别、城市、时间和范围查找。", "By class, city, time and range, over all source sets.")}
      actions=${html`<a class="button" href=${to("sources")}>${t("源数据", "Source sets")}</a>`} />
    <${Failure} error=${choices.error ?? found.error} retry=${reload} />
    ${
      choices.data &&
      html`
        <div class="stack">
          <${Unread} sets=${choices.data.data.sources} reload=${reload} />
          ${
            choices.data.data.sources.some((/** @type {ReadSet} */ one) => one.state !== "unread") &&
            html`
              <div>
                <${Filters} of=${choices.data.data} asked=${asked} />
                ${
                  !found.data
                    ? !found.error && html`<${Loading} />`
                    : html`<${Grid} rows=${rows} total=${found.data.total} page=${page} />`
                }
              </div>
            `
          }
        </div>
      `
    }
    ${!choices.data && !choices.error && html`<${Loading} />`}
  `;
}

/**
 * Sets of which nothing, or not all, is found, and the button that reads them.
 * @param {{sets: ReadSet[], reload: () => void}} props
 */
function Unread({ sets, reload }) {
  if (sets.length === 0) {
    return html`
      <${Empty}>
        ${t("还没有源数据。", "There are no source sets yet.")}${" "}
        <a class="link" href=${to("import")}>${t("导入带标注的图片", "Import labelled pictures")} →</a>
      <//>
    `;
  }
  const waiting = sets.filter((one) => one.state !== "read");
  if (waiting.length === 0) return null;
  const names = waiting.map((one) => one.name);
  const [zh, en] = names.length > SHOWN ? [" 等", " and others"] : ["", ""];
  const some = names.slice(0, SHOWN);
  return html`
    <${Panel}>
      <div class="row actions-row">
        <span class="grow wrap">
          ${t(
            `${count(waiting.length)} 份源数据的标注还没有读取，或之后有改动：${some.join("、")}${zh}。`,
            `The labels of ${many(waiting.length, "source set")} were not read yet, or have changed: ` +
              `${some.join(", ")}${en}.`,
          )}
        </span>
        ${
          may("work") &&
          html`
            <${Start} calls="/v1/sources/{name}/index" primary done=${reload} label=${t("读取标注", "Read the labels")}
              title=${t("只读取新的和改过的标注。", "Reads only labels that are new or have changed.")}
              run=${() => readAll(names)} />
          `
        }
      </div>
    <//>
  `;
}

/** @param {string[]} names @returns {Promise<string | undefined>} The last of the tasks. */
async function readAll(names) {
  let task;
  for (const name of names) task = (await act(`${pathOf(name)}/index`)).data;
  return task;
}

/** @param {{of: any, asked: Record<string, string>}} props */
function Filters({ of, asked }) {
  const wanted = namesIn(asked.classes);
  /** @param {string} name @param {string} value */
  const choose = (name, value) => setQuery({ [name]: value, page: "" });
  /** @param {string} name */
  const toggle = (name) => {
    const next = wanted.includes(name) ? wanted.filter((one) => one !== name) : [...wanted, name];
    choose("classes", next.map(listed).join(","));
  };
  const ranges = { 0: t("半图", "half of the picture"), 1: t("全图", "whole picture") };
  /** @type {[string, string, [string, string][]][]} */
  const lists = [
    ["sources", t("全部源数据", "All source sets"), counted(of.sources).map(([name, words]) => [listed(name), words])],
    ["city", t("全部城市", "All cities"), counted(of.cities)],
    ["time", t("全部月份", "All months"), counted(of.months)],
    [
      "imgoprange",
      t("全部范围", "All ranges"),
      of.ranges
        .filter((/** @type {any} */ one) => one.name in ranges)
        .map((/** @type {any} */ one) => [
          one.name,
          `${ranges[/** @type {"0" | "1"} */ (one.name)]} (${count(one.pictures)})`,
        ]),
    ],
  ];
  return html`
    <div class="row samples-head">
      ${lists.map(
        ([name, all, options]) =>
          options.length > 0 &&
          html`
            <select class="narrow" name=${name} aria-label=${all} value=${asked[name]}
              onChange=${(/** @type {any} */ e) => choose(name, e.target.value)}>
              <option value="">${all}</option>
              ${options.map(([value, words]) => html`<option value=${value}>${words}</option>`)}
            </select>
          `,
      )}
      <input type="search" class="package-name" name="package" value=${asked.package} aria-label=${t("包", "Package")}
        placeholder=${t("包", "Package")}
        onChange=${(/** @type {any} */ e) => choose("package", e.target.value.trim())} />
    </div>
    <div class="legend-row" role="group" aria-label=${t("类别：同时含有所选的", "Classes: those that show all chosen")}>
      ${of.classes.map(
        (/** @type {any} */ one) => html`
          <button type="button" class="legend-chip" aria-pressed=${String(wanted.includes(one.name))}
            onClick=${() => toggle(one.name)}>
            <${Swatch} color=${one.color} /> ${one.name}
            <span class="small quiet">${count(one.pictures)}</span>
          </button>
        `,
      )}
    </div>
  `;
}

/** @param {{name: string, pictures: number | null}[]} of @returns {[string, string][]} */
const counted = (of) =>
  of.filter((one) => one.name && one.pictures).map((one) => [one.name, `${one.name} (${count(one.pictures)})`]);

/** @param {{rows: Picture[], total: number, page: number}} props */
function Grid({ rows, total, page }) {
  const [opacity, setOpacity] = useState(0.55);
  useReturn(true);
  return html`
    <div class="row samples-head">
      <b>${t(`${count(total)} 张图片`, many(total, "picture"))}</b>
      <${Opacity} value=${opacity} set=${setOpacity} />
      <span class="grow"></span>
      <${Pager} page=${page} size=${PAGE} total=${total}
        choose=${(/** @type {number} */ next) => setQuery({ page: String(next) })} />
    </div>
    ${rows.length === 0 && html`<${Empty}>${t("没有符合条件的图片。", "No picture is like that.")}<//>`}
    <div class="samples">
      ${rows.map(
        (row) => html`
          <figure key=${row.image_url}>
            <a class="stacked" href=${addressOf(row)}>
              <img src=${row.image_url} alt=${row.name} loading="lazy" />
              <img class="label" src=${row.label_url} alt="" loading="lazy" style=${{ opacity: String(opacity) }} />
            </a>
            <figcaption class="small wrap">
              ${row.name}
              <div class="faint">${factsOf(row)}</div>
              <div class="row tight">
                ${row.classes.map((one) => html`<span title=${className(one)}><${Swatch} color=${one.color} /></span>`)}
              </div>
            </figcaption>
          </figure>
        `,
      )}
    </div>
  `;
}

/** The address of a picture in the viewer, from the search that is shown. @param {Picture} row */
const addressOf = (row) => {
  const now = new URLSearchParams(location.hash.split("?")[1] ?? "");
  now.set("p", row.image_url);
  return `${to("pictures")}?${now}`;
};

/** @param {Picture} row */
const factsOf = (row) => [row.source, row.package, row.city, row.time].filter(Boolean).join(" · ");

/** @param {{rows: Picture[], at: number}} props */
function One({ rows, at }) {
  const [before, row, after] = [rows[at - 1], rows[at], rows[at + 1]];
  const near = [after, before].filter(Boolean).map(shownOf);
  /** @param {Picture | undefined} one */
  const show = (one) => one && setQuery({ p: one.image_url });
  const title = html`
    <div class="row viewer-name">
      <b class="wrap">${row.name}</b>
      <span class="quiet wrap">${factsOf(row)} · ${row.width} × ${row.height}</span>
    </div>
  `;
  const bar = html`
    <button type="button" class="button" onClick=${() => setQuery({ p: "" })}>${t("全部图片", "All pictures")}</button>
    <button type="button" class="button" disabled=${!before} aria-keyshortcuts="ArrowLeft"
      aria-label=${t("上一张", "Previous picture")} onClick=${() => show(before)}>‹</button>
    <button type="button" class="button" disabled=${!after} aria-keyshortcuts="ArrowRight"
      aria-label=${t("下一张", "Next picture")} onClick=${() => show(after)}>›</button>
  `;
  return html`
    <${Viewer} shown=${shownOf(row)} near=${near} title=${title} bar=${bar}
      keys=${{ ArrowLeft: () => show(before), ArrowRight: () => show(after) }}
      help=${[["← →", t("上一张、下一张", "previous, next picture")]]} />
  `;
}

/** A picture as the viewer takes it. @param {Picture} row */
const shownOf = (row) => ({
  key: row.image_url,
  name: row.name,
  width: row.width,
  height: row.height,
  image: row.image_url,
  masks: [
    {
      key: "truth",
      digit: "2",
      name: t("标注", "Label"),
      url: row.label_url,
      painted: true,
      classes: row.classes.map((one) => ({ ...one, train_id: one.raw_id })),
    },
  ],
});
