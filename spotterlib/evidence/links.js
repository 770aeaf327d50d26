// Links to results. JupyterLab's page says which folder its server shows, and under which address its files are.
function addressOf(place, home) {
  const config = JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{}");
  if (!config.serverRoot || !config.baseUrl) return null;
  const root = config.serverRoot.replace(/^~/, home).replace(/\/*$/, "/");
  if (!place.startsWith(root)) return null;
  const path = place.slice(root.length).split("/").map(encodeURIComponent).join("/");
  return new URL(`${config.baseUrl.replace(/\/*$/, "/")}files/${path}`, location.href).href;
}

function link(text, name, address) {
  const made = document.createElement("a");
  made.textContent = text;
  made.href = address;
  made.setAttribute("aria-label", `${text} ${name}`);
  made.style.cssText = "color:var(--jp-content-link-color, #1a56c4);text-decoration:underline;margin-right:8px";
  return made;
}

function render({ model, el }) {
  const draw = () => {
    el.replaceChildren();
    for (const { what, name, place } of model.get("files")) {
      const line = document.createElement("div");
      const address = addressOf(place, model.get("home"));
      line.style.cssText = "line-height:1.6;color:var(--jp-ui-font-color1, #1b1d21);overflow-wrap:anywhere";
      line.append(`${what}: `);
      if (address === null) {
        line.append(place);
      } else {
        const open = link("Open", name, address);
        const download = link("Download", name, `${address}?download=1`);
        open.target = "_blank";
        open.rel = "noopener";
        download.download = name;
        line.append(open, download, name);
      }
      el.append(line);
    }
  };
  model.on("change:files", draw);
  draw();
  return () => model.off("change:files", draw);
}

export default { render };
