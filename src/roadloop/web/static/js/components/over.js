// @ts-check
/** What lies over the page until it is closed: by Escape, beside it, or by its button. */

import { html, useEffect, useRef } from "../lib.js";
import { t } from "../i18n.js";

/** @param {{title: string, close: () => void, class?: string, children?: any}} props */
export function Over({ title, close, class: more = "", children }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => box.current?.showModal(), []);
  const shut = () => box.current?.close(); // the browser then gives the keyboard back to where it was
  return html`
    <dialog class=${`dialog ${more}`} ref=${box} aria-label=${title} onClose=${close}
      onClick=${(/** @type {MouseEvent} */ e) => e.target === box.current && shut()}>
      <div class="dialog-body">
        <div class="row dialog-head">
          <h2 class="grow">${title}</h2>
          <button type="button" class="button plain" aria-label=${t("关闭", "Close")} onClick=${shut}>✕</button>
        </div>
        ${children}
      </div>
    </dialog>
  `;
}
