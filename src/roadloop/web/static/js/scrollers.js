// @ts-check
/** Boxes that scroll can be reached by Tab where nothing in them can, so that keyboards scroll them too. */

const BOXES = ".table-box, .choices, .learned, .folders, .dialog-body, pre, ol, ul";
const REACHED = "a[href], button:not(:disabled), input:not(:disabled), select, textarea, [tabindex]";
const WAIT = 200;

/** Keep all boxes of the page so, as it changes; returns how to stop. */
export function reachScrollers() {
  let timer = 0;
  const soon = () => {
    timer ||= setTimeout(() => {
      timer = 0;
      document.querySelectorAll(BOXES).forEach((box) => reach(/** @type {HTMLElement} */ (box)));
    }, WAIT);
  };
  const watch = new MutationObserver(soon);
  watch.observe(document.body, { childList: true, subtree: true, attributeFilter: ["disabled"] });
  addEventListener("resize", soon);
  return () => {
    watch.disconnect();
    removeEventListener("resize", soon);
    clearTimeout(timer);
  };
}

/** @param {HTMLElement} box */
function reach(box) {
  const full = box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1;
  const scrolls = full && /auto|scroll/.test(getComputedStyle(box).overflow) && !box.querySelector(REACHED);
  const ours = box.dataset.reached === "true";
  if (scrolls && !ours && !box.hasAttribute("tabindex")) {
    box.dataset.reached = "true";
    box.tabIndex = 0;
  } else if (!scrolls && ours) {
    delete box.dataset.reached;
    box.removeAttribute("tabindex");
  }
}
