/* The gallery of past paintings, and saving one as a file. */
import { $, help, icon, make, words } from "./dom.js";
import { ask, send } from "./api.js";
import { control, optionField } from "./settings.js";

const SHOWN = { ".gif": ["duration", "hold"], ".mp4": ["duration", "hold"], ".html": ["duration", "hold"], ".jpg": ["quality"], ".webp": ["quality"] };
const USED = { // what has an effect on a format, beside those above
  ".gif": ["fps", "frames", "ease", "reverse", "loop", "gif_side", "max_bytes"], ".mp4": ["fps", "frames", "ease", "reverse", "max_bytes"],
  ".html": ["ease", "reverse", "loop"], ".jpg": ["max_bytes"], ".png": ["bit_depth"], ".svg": ["svg", "width_mm"], ".ora": ["layers"], ".psd": ["layers"],
  ".webp": ["webp", "duration", "hold", "fps", "frames", "ease", "reverse", "loop", "gif_side", "max_bytes"],
};
const WORDS = { ".png": "Picture", ".jpg": "Photo", ".webp": "Small", ".gif": "Animation", ".mp4": "Video", ".svg": "Vectors", ".ora": "Layers", ".psd": "Layers", ".html": "Player", ".strokes.json": "Strokes" };

export class Gallery {
  constructor({ open, again, onerror }) {
    Object.assign(this, { open, again, onerror });
    $("open-gallery").onclick = () => { this.load(); $("gallery").showModal(); };
  }

  async load() {
    const found = await ask("GET", "/api/paintings");
    $("gallery-count").textContent = found.length;
    $("gallery-count").hidden = !found.length;
    $("gallery-empty").hidden = found.length > 0;
    $("paintings").replaceChildren(...found.map((painting) => this._item(painting)));
    return found;
  }

  _item(painting) {
    const what = `${painting.strokes} strokes, ${painting.size} px`;
    const item = make("li", {},
      make("button", { class: "open", title: "Open it", onclick: () => { $("gallery").close(); this.open(painting.id); } },
        make("img", { src: `/api/paintings/${painting.id}/thumbnail`, alt: `${painting.name}, ${what}`, loading: "lazy" })),
      make("div", { class: "what" }, painting.name, make("small", {}, `${what}${painting.interrupted ? ", stopped" : ""}`)),
      make("div", { class: "acts" },
        make("button", { class: "quiet", title: "Take over its settings", onclick: () => { $("gallery").close(); this.again(painting); } }, icon("again"), "Paint like this"),
        make("button", { class: "quiet only-icon", title: "Delete it", "aria-label": `Delete ${painting.name}`, onclick: (event) => this._delete(event.currentTarget, painting, item) }, icon("trash"))));
    return item;
  }

  /* Ask once more before it is gone. */
  async _delete(button, painting, item) {
    if (!button.dataset.sure) {
      button.dataset.sure = "yes";
      button.classList.remove("only-icon");
      button.replaceChildren("Delete?");
      setTimeout(() => { delete button.dataset.sure; button.classList.add("only-icon"); button.replaceChildren(icon("trash")); }, 4000);
      return;
    }
    try {
      await ask("DELETE", `/api/paintings/${painting.id}`);
      item.remove();
      await this.load();
    } catch (error) { this.onerror(error.message); }
  }
}

export class Exports {
  constructor(options) {
    this.options = options;
    this.forms = Object.fromEntries(options.export.map((form) => [form.name, form]));
    for (const format of options.formats) {
      $("formats").append(make("label", { title: format.holds }, make("input", { type: "radio", name: "format", value: format.ending, onchange: () => this._show() }),
        make("b", {}, format.ending.replace(".strokes.json", ".json")), make("small", {}, WORDS[format.ending] || format.kind)));
    }
    $("download").onclick = () => this._save();
    $("formats").querySelector("[value='.png']").checked = true;
  }

  open(painting) {
    this.painting = painting;
    $("export-said").textContent = "";
    this._show();
    $("exports").showModal();
  }

  get _ending() {
    return $("formats").querySelector(":checked").value;
  }

  _show() {
    const ending = this._ending, shown = SHOWN[ending] || [], used = (USED[ending] || []).filter((name) => !shown.includes(name));
    this.fields = {};
    const field = (name) => {
      const form = this.forms[name], id = `x-${name}`;
      if (form.type === "switch") return optionField(form, this.fields, id);
      return make("div", { class: "field" }, make("label", { for: id }, words(name)), control(form, this.fields, id), make("small", {}, help(form.help)));
    };
    this.size = make("input", { type: "number", id: "x-size", min: 16, max: this.options.limits.size, value: Math.min(this.painting.size, this.options.limits.size) });
    const sized = ![".svg", ".html", ".strokes.json"].includes(ending);
    const size = sized ? [make("div", { class: "field" }, make("label", { for: "x-size" }, "Size"), this.size, make("small", {}, "the longer side, pixels"))] : [];
    if (!sized) this.size = null;
    $("export-options").replaceChildren(...size, ...shown.map(field));
    $("export-more").replaceChildren(...used.map(field));
    $("export-more").parentElement.hidden = !used.length;
    for (const [name, one] of Object.entries(this.fields)) one.set(this.forms[name].default);
  }

  async _save() {
    const said = $("export-said"), button = $("download"), config = {}, ending = this._ending;
    for (const [name, field] of Object.entries(this.fields)) {
      const value = field.get();
      if (value !== undefined && value !== this.forms[name].default) config[name] = value;
    }
    said.className = "";
    said.textContent = "Drawing…";
    button.disabled = true;
    try {
      const size = this.size ? Number(this.size.value) : null;
      const answer = await send("POST", `/api/paintings/${this.painting.id}/export`, JSON.stringify({ format: ending, size, config }), { "Content-Type": "application/json" });
      const name = decodeURIComponent(answer.headers.get("content-disposition").split("''")[1]), blob = await answer.blob();
      const link = make("a", { href: URL.createObjectURL(blob), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      const notes = decodeURIComponent(answer.headers.get("x-notes") || "");
      said.textContent = `${name}: ${blob.size < 1e6 ? `${Math.round(blob.size / 1e3)} kB` : `${(blob.size / 1e6).toFixed(1)} MB`}${notes ? `; ${notes}` : ""}`;
    } catch (error) {
      said.className = "bad";
      said.textContent = help(error.message);
    }
    button.disabled = false;
  }
}
