// Says to a screen reader what the controls of a scrubber are: ipywidgets' Play has icons alone, its sliders no name.
const PLAY = ["Play or pause", "Stop", "Repeat"];

function nameAll(root) {
  for (const play of root.querySelectorAll(".widget-play")) {
    play.querySelectorAll("button").forEach((button, place) => {
      button.title = PLAY[place];
      button.setAttribute("aria-label", PLAY[place]);
    });
  }
  for (const handle of root.querySelectorAll(".noUi-handle")) {
    const label = handle.closest(".widget-slider")?.querySelector(".widget-label");
    handle.setAttribute("aria-label", label?.textContent.trim() || "Frame");
  }
}

function render({ el }) {
  let watch = null;
  let waiting = null;
  const begin = () => {
    const root = el.closest(".spotter-scrubber");
    if (root === null) {
      waiting = setTimeout(begin, 200); // a view is made first, and put into its box later
      return;
    }
    watch = new MutationObserver(() => nameAll(root));
    watch.observe(root, { childList: true, subtree: true });
    nameAll(root);
  };
  begin();
  return () => {
    clearTimeout(waiting);
    watch?.disconnect();
  };
}

export default { render };
