/* A finished painting in the style of a picture: the dialog that asks for it. */
import { $, help, icon, make, words } from "./dom.js";
import { ask, upload } from "./api.js";
import { control, optionField } from "./settings.js";

const MAIN = ["style_mode", "style_weight"];

export class Restyling {
  /* `begun` is called with the job. */
  constructor(options, begun) {
    this.forms = Object.fromEntries(options.restyle.map((form) => [form.name, form]));
    this.fields = {};
    for (const form of options.restyle) {
      const id = `s-${form.name}`, more = make("small", {}, help(form.help));
      const field = form.type === "switch" ? optionField(form, this.fields, id)
        : make("div", { class: "field" }, make("label", { for: id }, words(form.name)), control(form, this.fields, id), more);
      $(MAIN.includes(form.name) ? "restyling-options" : "restyling-more").append(field);
      this.fields[form.name].set(form.default);
    }
    this._picture();
    $("restyling-go").onclick = () => this._go(begun);
  }

  /* `pictures`: whether the page needs pictures of the strokes. */
  open(painting, pictures) {
    this.painting = painting;
    this.pictures = pictures;
    this._say("");
    $("restyling").showModal();
  }

  _picture() {
    const input = make("input", { type: "file", id: "restyling-file", hidden: true, accept: "image/*", "aria-label": "Style picture" });
    const shown = make("img", { alt: "", hidden: true, width: 120 }), text = make("span", {}, "Choose a picture…");
    const button = make("button", { type: "button", onclick: () => input.click() }, icon("picture"), text);
    input.addEventListener("change", async () => {
      if (!input.files.length) return;
      try {
        this.picture = await upload("/api/pictures", input.files[0]);
        text.textContent = this.picture.name;
        Object.assign(shown, { src: `/api/pictures/${this.picture.id}`, hidden: false });
        $("restyling-go").disabled = false;
        this._say("");
      } catch (error) { this._say(error.message, true); }
      input.value = "";
    });
    $("restyling-picture").append(make("div", { class: "field" }, make("span", { class: "label" }, "Style"), make("div", { class: "with" }, button, input), shown));
  }

  async _go(begun) {
    const config = {};
    for (const [name, field] of Object.entries(this.fields)) {
      const value = field.get();
      if (value !== undefined && value !== this.forms[name].default) config[name] = value;
    }
    try {
      const job = await ask("POST", `/api/paintings/${this.painting.id}/restyle`, { picture: this.picture.id, config, pictures: this.pictures });
      $("restyling").close();
      begun(job);
    } catch (error) { this._say(error.message, true); }
  }

  _say(text, bad = false) {
    $("restyling-said").className = bad ? "bad" : "";
    $("restyling-said").textContent = help(text);
  }
}
