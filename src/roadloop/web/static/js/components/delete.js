// @ts-check
/** Deleting a thing, or taking it out of the lists: what refers to it is said before, and where to look. */

import { act, ApiError, get } from "../api.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { go as goTo } from "../router.js";
import { Failure, Loading } from "./layout.js";
import { Over } from "./over.js";

/** @typedef {{kind: string, name: string}} Thing  As `/v1/trash` names it. */

/** @param {{thing: Thing, back?: string, done?: () => void, small?: boolean}} props `back`: where to go afterwards. */
export function DeleteButton({ thing, back, done, small }) {
  const [open, setOpen] = useState(false);
  /** @param {Event} event */
  const ask = (event) => {
    event.stopPropagation();
    event.preventDefault();
    setOpen(true);
  };
  return html`
    <button type="button" class=${`button ${small ? "small-button" : ""}`} calls="/v1/trash" onClick=${ask}>
      ${t("删除…", "Delete…")}
    </button>
    ${open && html`<${Ask} thing=${thing} back=${back} done=${done} close=${() => setOpen(false)} />`}
  `;
}

/** @param {{thing: Thing, back?: string, done?: () => void, close: () => void}} props */
function Ask({ thing, back, done, close }) {
  const { data, error, reload } = usePoll((signal) => get("/v1/uses", thing, signal), [thing.kind, thing.name]);
  const [failure, setFailure] = useState(/** @type {ApiError | undefined} */ (undefined));
  const [busy, setBusy] = useState(false);
  /** @param {string} path @param {Record<string, any>} body */
  async function go(path, body) {
    setBusy(true);
    try {
      await act(path, body);
      close();
      if (back) goTo(back);
      done?.();
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught;
      setFailure(caught);
      setBusy(false);
      reload();
    }
  }
  return html`
    <${Over} title=${t(`删除 ${data?.title ?? ""}`, `Delete ${data?.title ?? ""}`)} close=${close} class="delete">
      <${Failure} error=${error} retry=${reload} />
      ${!data && !error && html`<${Loading} />`}
      ${data && html`<${Uses} uses=${data.data} close=${close} />`}
      ${(data?.remarks ?? []).map((/** @type {string} */ text) => html`<p class="wrap">⚠ ${text}</p>`)}
      ${data && data.data.length === 0 && html`<p class="wrap">${stays(data.keep_days)}</p>`}
      ${data?.archivable && html`<p class="small quiet wrap">${archiving()}</p>`}
      ${failure && html`<p class="bad wrap" role="alert">✕ ${failure.message}</p>`}
      ${
        data &&
        html`
          <div class="row dialog-foot">
            ${
              data.archivable &&
              html`
                <button type="button" class="button" name="archive" calls="/v1/archived" disabled=${busy}
                  onClick=${() => go("/v1/archived", { ...thing, archived: true })}>
                  ${t("只归档", "Archive only")}
                </button>
              `
            }
            <span class="grow"></span>
            <button type="button" class="button" onClick=${close}>${t("取消", "Cancel")}</button>
            <button type="button" class="button danger" name="delete" disabled=${busy || data.data.length > 0}
              onClick=${() => go("/v1/trash", thing)}>
              ${t("删除", "Delete")}
            </button>
          </div>
        `
      }
    <//>
  `;
}

/** @param {{uses: {text: string, place: string}[], close: () => void}} props */
const Uses = ({ uses, close }) =>
  uses.length > 0 &&
  html`
    <p>${t("还在使用中，不能删除：", "It is in use and cannot be deleted:")}</p>
    <ul class="uses">
      ${uses.map(
        (use) => html`
          <li class="wrap">
            ${use.place ? html`<a class="link" href=${`#${use.place}`} onClick=${close}>${use.text}</a>` : use.text}
          </li>
        `,
      )}
    </ul>
  `;

/** @param {number} days */
const stays = (days) =>
  days
    ? t(
        `没有别的内容用到它。删除后名称可以再用；${days} 天内可在回收站里还原，之后彻底删除。`,
        `Nothing else uses it. Its name is free afterwards; the trash can bring it back for ${days} days.`,
      )
    : t(
        "没有别的内容用到它。删除后名称可以再用；它会一直留在回收站里，直到有人彻底删除。",
        "Nothing else uses it. Its name is free afterwards; it stays in the trash until somebody removes it for ever.",
      );

const archiving = () =>
  t(
    "归档：只从列表里移走，一切照常可用，名称仍被占用；可在回收站页面放回。",
    "Archive: it only leaves the lists; all that uses it works on, and its name is held. The trash page puts it back.",
  );
