// @ts-check
/** Views whose code comes when they are first needed. What was there before stays until then. */

import { Failure, Loading } from "./components/layout.js";
import { t } from "./i18n.js";
import { html, useEffect, useRef, useState } from "./lib.js";

/** @typedef {{come: () => Promise<void>, view: any}} Late `view`: what draws it, once it has come. */
/**
 * What stands at a route.
 * @typedef {{route: import("./router.js").Route, view: any, crumbs: [string, string][], key: string, wide: boolean}}
 *   Page
 */

/** @param {() => Promise<any>} load @returns {Late} */
export function late(load) {
  /** @type {Promise<void> | null} */
  let coming = null;
  const self = {
    view: null,
    come() {
      coming ??= load().then(
        (view) => void (self.view = view),
        (error) => {
          coming = null; // asked for again next time
          throw error;
        },
      );
      return coming;
    },
  };
  return self;
}

/** Begin to fetch a view that somebody is about to open. @param {any} view */
export const foresee = (view) => void view.come?.().catch(() => {});

/**
 * The page to draw: the one that is wanted, or, until its code has come, the one that was there before.
 * @param {Page} wanted @returns {{page: Page, coming: boolean}}
 */
export function useArrived(wanted) {
  const before = useRef(/** @type {Page | null} */ (null));
  const [failed, setFailed] = useState(/** @type {any} */ (null));
  const [, redraw] = useState(0);
  const { view } = wanted;
  const missing = Boolean(view.come) && !view.view;
  useEffect(() => {
    if (!missing) return undefined;
    let left = false;
    setFailed(null);
    view.come().then(
      () => left || redraw((n) => n + 1),
      () => left || setFailed(view),
    );
    return () => void (left = true);
  }, [view, missing]);
  if (!missing) before.current = { ...wanted, view: view.view ?? view };
  else if (failed === view) return { page: { ...wanted, view: NotCome }, coming: false };
  return { page: before.current ?? { ...wanted, view: Loading }, coming: missing };
}

/** The server is away, or another version of it is there, which has other files. */
const NotCome = () => html`
  <${Failure} retry=${() => location.reload()}
    error=${{
      message: t(
        "这部分页面没有取到：服务不可达，或刚刚升级过。确认服务在运行后重试，页面会重新载入。",
        "This part of the page has not come: the server cannot be reached, or was just replaced by another version." +
          " See that it runs and try again; the page loads anew.",
      ),
    }} />
`;
