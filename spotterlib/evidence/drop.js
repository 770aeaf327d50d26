// A box to drop a file on. The file goes to the kernel in pieces, the next one when the last has been written, so that
// neither a message limit nor the browser's memory bounds its size.
const PIECE = 4 * 1024 * 1024;

function render({ model, el }) {
  const box = document.createElement("label");
  const input = document.createElement("input");
  const words = document.createElement("span");
  box.className = "spotter-drop";
  box.style.cssText =
    "display:block;width:420px;max-width:100%;box-sizing:border-box;padding:14px;border:2px dashed #8894a5;" +
    "border-radius:6px;text-align:center;cursor:pointer;color:var(--jp-ui-font-color1, inherit)";
  input.type = "file";
  input.accept = model.get("accept");
  input.style.cssText = "position:absolute;opacity:0;width:1px;height:1px"; // still reached with the keyboard
  box.append(input, words);
  el.append(box);

  let file = null;
  const take = (chosen) => {
    file = chosen;
    model.send({ begin: file.name, size: file.size });
  };
  const say = () => (words.textContent = model.get("said"));
  const light = (on) => (event) => {
    event.preventDefault();
    box.style.background = on ? "rgba(60, 120, 200, 0.15)" : "";
  };
  const answer = async ({ from }) => {
    if (file === null) return; // another view of this box is sending
    if (from === null) file = null;
    else model.send({ at: from }, undefined, [await file.slice(from, from + PIECE).arrayBuffer()]);
  };
  input.addEventListener("change", () => input.files.length && take(input.files[0]));
  input.addEventListener("focus", light(true));
  input.addEventListener("blur", light(false));
  box.addEventListener("dragover", light(true));
  box.addEventListener("dragleave", light(false));
  box.addEventListener("drop", (event) => {
    light(false)(event);
    event.stopPropagation();
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
  model.on("change:said", say);
  model.on("msg:custom", answer);
  say();
  return () => {
    model.off("change:said", say);
    model.off("msg:custom", answer);
  };
}

export default { render };
